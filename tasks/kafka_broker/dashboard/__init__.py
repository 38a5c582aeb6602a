"""A dashboard for any actor on the broker, as a Flask blueprint; needs flask and pymongo.

docs/task-dashboard.md says how to mount it. Without JavaScript: pages, forms and links.
"""

try:
    import flask  # noqa: F401 - only to say in one sentence what is missing
    import pymongo  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.dashboard needs flask and pymongo:"
        " pip install 'flask>=3,<4' 'pymongo>=4.11,<5'",
        name=error.name,
    ) from error

from .blueprint import task_dashboard

__all__ = ["task_dashboard"]
