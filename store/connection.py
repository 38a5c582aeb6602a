"""Connect one process to MongoDB. Clients do not survive a fork: connect in the child."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mongoengine
from mongoengine.connection import get_db
from pymongo.database import Database
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from resumes.errors import StoreUnavailableError

Document = dict[str, Any]

_UNAVAILABLE = (
    ConnectionFailure,  # AutoReconnect, NotPrimaryError, ServerSelectionTimeoutError
    ExecutionTimeout,
    NetworkTimeout,
    WaitQueueTimeoutError,
    WTimeoutError,
)


def connect(
    source: str, name: str, *, select_timeout_s: float, timeout_s: float
) -> Database[Document]:
    """Register the process's connection with mongoengine and return its database.

    Lazy: an unreachable server shows at the first operation, within `select_timeout_s`; any
    operation, retries included, ends within `timeout_s`.
    """
    mongoengine.connect(
        db=name,
        host=source,
        tz_aware=True,
        uuidRepresentation="standard",
        w="majority",
        journal=True,
        readConcernLevel="majority",
        serverSelectionTimeoutMS=int(select_timeout_s * 1000),
        connectTimeoutMS=int(select_timeout_s * 1000),
        timeoutMS=int(timeout_s * 1000),
        maxPoolSize=100,
        appname="resume-service",
    )
    database: Database[Document] = get_db()
    return database


def disconnect() -> None:
    """Close the process's connection."""
    mongoengine.disconnect_all()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn "MongoDB did not answer" into StoreUnavailableError; bugs stay as they are."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailableError from error
    except PyMongoError as error:
        # CSOT wraps what it interrupts; the flag is the driver's own.
        if error.timeout or error.has_error_label("TransientTransactionError"):
            raise StoreUnavailableError from error
        raise


def is_reachable(database: Database[Document]) -> bool:
    """True when the server answers a ping within the connection's timeouts."""
    try:
        with store_errors():
            database.command("ping")
    except StoreUnavailableError:
        return False
    return True


def dump_json(value: object) -> str:
    """Return JSON text for values BSON can't hold ("$" keys, integers over 64 bits)."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
