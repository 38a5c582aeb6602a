"""Counters in MongoDB for dramatiq's rate limiters, barriers and group callbacks, and any broker.

Called by worker threads, in any number of processes. A counter is `{_id: key, value, granted,
expires_at}`; every change is one atomic command, whose `granted` says whether it was allowed.
"""

import threading
from collections.abc import Callable
from typing import Any

from dramatiq.rate_limits import RateLimiterBackend
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from .errors import telling_outages
from .expiring import IS_LIVE, Document, ExpiringCollection, in_ms
from .polling import poll

_VALUE_OR_0 = {"$ifNull": ["$value", 0]}


class MongoRateLimiterBackend(RateLimiterBackend):
    """Keeps counters in one collection of `database`, with the meaning of dramatiq's RedisBackend.

    A counter ends its `ttl` milliseconds after the last change that was granted, by the server's
    clock. `incr_and_sum` (`WindowRateLimiter`) uses a transaction, so it needs a replica set. All
    raise StoreUnreachableError when the driver has given up, after the client's
    `serverSelectionTimeoutMS`. That client is its maker's to close, and must not come from before a
    fork.
    """

    def __init__(
        self, database: Database[Any], *, collection: str = "dramatiq_rate_limits"
    ) -> None:
        self._client = database.client
        self._counters = ExpiringCollection(database, collection)
        # Threads wait for each other here, not by aborting each other's transactions.
        self._sum_lock = threading.Lock()

    @telling_outages()
    def add(self, key: str, value: int, ttl: int) -> bool:
        """Begin a counter; False if there is one already."""
        return self._change(key, value, {"$eq": ["$value", None]}, ttl)

    @telling_outages()
    def incr(self, key: str, amount: int, maximum: int, ttl: int) -> bool:
        """Add to a counter unless that makes it more than `maximum`; one that is not there is 0."""
        raised = {"$add": [_VALUE_OR_0, amount]}
        return self._change(key, raised, {"$lte": [raised, maximum]}, ttl)

    @telling_outages()
    def decr(self, key: str, amount: int, minimum: int, ttl: int) -> bool:
        """Take from a counter unless that makes it less than `minimum`."""
        lowered = {"$subtract": [_VALUE_OR_0, amount]}
        return self._change(key, lowered, {"$gte": [lowered, minimum]}, ttl)

    @telling_outages()
    def incr_and_sum(
        self, key: str, keys: Callable[[], list[str]], amount: int, maximum: int, ttl: int
    ) -> bool:
        """Add to a counter unless that makes the sum of `keys()` more than `maximum`."""
        self._counters.for_writing()  # an index cannot be made inside a transaction

        def add_within_sum(session: ClientSession) -> bool:
            summed = keys()
            self._lock({key, *summed}, ttl, session)
            counters = self._counters.find_all_live(summed, session)
            total = sum(counter["value"] for counter in counters if counter["value"])
            raised = {"$add": [_VALUE_OR_0, amount]}
            fits = {"$lte": [{"$max": [raised, total + amount]}, maximum]}
            return self._change(key, raised, fits, ttl, session)

        with self._sum_lock, self._client.start_session() as session:
            return session.with_transaction(add_within_sum)

    @telling_outages()
    def wait(self, key: str, timeout: int | None) -> bool:
        """Wait until the key was notified; False after `timeout` milliseconds (None: never)."""
        timeout_s = None if timeout is None else timeout / 1000
        return poll(lambda: self._counters.find_live(key), timeout_s=timeout_s) is not None

    @telling_outages()
    def wait_notify(self, key: str, ttl: int) -> None:
        """Let all who wait for the key go on, and those who come within `ttl` milliseconds."""
        self._counters.for_writing().update_one(
            {"_id": key}, [{"$set": {"expires_at": in_ms(ttl)}}], upsert=True
        )

    def _change(
        self,
        key: str,
        value: Any,
        condition: Document,
        ttl: int,
        session: ClientSession | None = None,
    ) -> bool:
        """Set a counter to `value` if `condition` holds; both may use $value, null when ended."""
        after = self._counters.for_writing().find_one_and_update(
            {"_id": key},
            [
                {"$set": {"value": {"$cond": [IS_LIVE, "$value", None]}}},
                {"$set": {"granted": condition}},
                {
                    "$set": {
                        "value": {"$cond": ["$granted", value, "$value"]},
                        # A counter that never began ends at once, for the TTL index to find.
                        "expires_at": {
                            "$cond": [
                                "$granted",
                                in_ms(ttl),
                                {"$ifNull": ["$expires_at", "$$NOW"]},
                            ]
                        },
                    }
                },
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return bool(after and after["granted"])

    def _lock(self, keys: set[str], ttl: int, session: ClientSession) -> None:
        """Make transactions that share a key exclude each other, by a document that both write.

        Snapshots alone would let two that raise different counters of one sum miss each other. One
        lock stands for all keys that differ after their last @ only: those of a window.
        """
        # A write that changed nothing would exclude nobody, so each takes a turn.
        turn = {"turn": {"$add": [{"$ifNull": ["$turn", 0]}, 1]}, "expires_at": in_ms(ttl)}
        for name in sorted({key.rpartition("@")[0] or key for key in keys}):
            self._counters.for_writing().update_one(
                {"_id": f"lock:{name}"}, [{"$set": turn}], upsert=True, session=session
            )
