"""A collection whose documents end at their `expires_at`, to the millisecond of the server's clock.

MongoDB deletes expired documents about once a minute, so every read asks for live ones itself; the
TTL index only tidies up. Used by worker threads and by whoever waits for a result.
"""

import threading
from typing import Any

from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

Document = dict[str, Any]

#: The name of the index by which documents end, and MongoDB's code for one with another time.
_INDEX = "retention"
_OTHER_OPTIONS = 85

#: An expression: the document it is asked of has not ended. A missing date is less than any date.
IS_LIVE = {"$gt": ["$expires_at", "$$NOW"]}


def in_ms(ttl_ms: float) -> Document:
    """Return the expression of the moment `ttl_ms` from now."""
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": int(ttl_ms)}}


def expire_after(collection: Collection[Any], field: str, *, seconds: int) -> None:
    """Let documents end so long after the time in `field`, also where it was another time once."""
    try:
        collection.create_index(field, name=_INDEX, expireAfterSeconds=seconds)
    except OperationFailure as error:
        if error.code != _OTHER_OPTIONS:
            raise
        index = {"name": _INDEX, "expireAfterSeconds": seconds}
        collection.database.command("collMod", collection.name, index=index)


class ExpiringCollection:
    """Reads and writes the primary, whatever the database's read preference says."""

    def __init__(self, database: Database[Any], name: str) -> None:
        self._collection: Collection[Document] = database.get_collection(
            name, read_preference=ReadPreference.PRIMARY
        )
        self._index_lock = threading.Lock()
        self._is_indexed = False

    def find_live(self, key: str) -> Document | None:
        """Return the document of this key unless it has ended."""
        return self._collection.find_one({"_id": key, "$expr": IS_LIVE})

    def find_all_live(self, keys: list[str], session: ClientSession) -> list[Document]:
        """Return the documents of these keys that have not ended."""
        with self._collection.find(
            {"_id": {"$in": keys}, "$expr": IS_LIVE}, session=session
        ) as found:
            return found.to_list()

    def for_writing(self) -> Collection[Document]:
        """Return the collection itself; the first call in a process makes sure of its TTL index."""
        if not self._is_indexed:
            with self._index_lock:
                if not self._is_indexed:
                    self._collection.create_index("expires_at", expireAfterSeconds=0)
                    self._is_indexed = True
        return self._collection
