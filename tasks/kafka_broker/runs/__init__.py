"""What tasks do, kept in MongoDB for people to look at; for any dramatiq broker, needs pymongo.

`RunRecorder` is a middleware of the workers, `RunHistory` what a dashboard reads. Figures are
figures: a worker that is killed takes its last second's with it.
"""

try:
    import pymongo  # noqa: F401 - only to say in one sentence what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.runs needs pymongo: pip install 'pymongo>=4.11,<5'", name="pymongo"
    ) from error

from .history import ActorFigures, Minute, Run, RunHistory
from .recorder import RunRecorder

__all__ = ["ActorFigures", "Minute", "Run", "RunHistory", "RunRecorder"]
