"""Periodic tasks for any dramatiq broker, run by its workers and kept apart by MongoDB.

Needs pymongo and cronsim. docs/periodic.md begins at the beginning.
"""

try:
    import cronsim  # noqa: F401 - only to say in one sentence what is missing
    import pymongo  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.periodic needs pymongo and cronsim:"
        " pip install 'pymongo>=4.11,<5' cronsim",
        name=error.name,
    ) from error

from .registry import Periodic, ScheduleView
from .schedule import ScheduleError
from .triggers import Crontab, Interval, TriggerError, crontab, every

__all__ = [
    "Crontab",
    "Interval",
    "Periodic",
    "ScheduleError",
    "ScheduleView",
    "TriggerError",
    "crontab",
    "every",
]
