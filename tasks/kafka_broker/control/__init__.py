"""What people ask of tasks that wait, and of lanes; kept in MongoDB, needs pymongo.

`Control` is for dashboards and commands, `ObeyControl` the middleware by which workers hear of it.
"""

try:
    import pymongo  # noqa: F401 - only to say in one sentence what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.control needs pymongo: pip install 'pymongo>=4.11,<5'", name="pymongo"
    ) from error

from .control import Control
from .obeying import ObeyControl
from .pauses import Lane, LanePauses

__all__ = ["Control", "Lane", "LanePauses", "ObeyControl"]
