"""What can go wrong between dramatiq and MongoDB."""

from collections.abc import Iterator
from contextlib import contextmanager

from dramatiq.errors import BrokerConnectionError
from dramatiq.results.errors import ResultError
from pymongo.errors import ConnectionFailure, PyMongoError


class ResultTooLargeError(ResultError):
    """A result is larger than a MongoDB document may be; store it elsewhere and return its key."""


class StoreUnreachableError(BrokerConnectionError):
    """MongoDB did not answer, though the driver has retried; what was to be done may be done.

    dramatiq's own error for a lost connection, so that brokers know it without knowing pymongo.
    """


def is_outage(error: PyMongoError) -> bool:
    """Return True when trying later may help."""
    return isinstance(error, ConnectionFailure) or error.timeout


@contextmanager
def telling_outages() -> Iterator[None]:
    """Turn the driver's errors of connection and time into StoreUnreachableError."""
    try:
        yield
    except PyMongoError as error:
        if is_outage(error):
            raise StoreUnreachableError(f"MongoDB is out of reach: {error}") from error  # type: ignore[no-untyped-call]
        raise
