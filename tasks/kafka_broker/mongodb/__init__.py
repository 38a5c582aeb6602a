"""dramatiq's results and rate limits in MongoDB, for any dramatiq broker; needs pymongo.

Each backend takes a pymongo `Database` and uses one collection of it. The database's `MongoClient`
belongs to whoever made it: make it in the process that uses it (a client does not survive a fork)
and close it after the broker.
"""

try:
    import pymongo  # noqa: F401 - only to say in one sentence what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.mongodb needs pymongo: pip install 'pymongo>=4.11,<5'", name="pymongo"
    ) from error

from .errors import ResultTooLargeError, StoreUnreachableError
from .rate_limits import MongoRateLimiterBackend
from .results import MongoResultBackend

__all__ = [
    "MongoRateLimiterBackend",
    "MongoResultBackend",
    "ResultTooLargeError",
    "StoreUnreachableError",
]
