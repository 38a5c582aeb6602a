"""How often somebody tried to sign in lately, counted by all web processes together.

A document per key in `sign_in_attempts`, which MongoDB drops when its time is over. Times are the
server's.
"""

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from store.connection import Document, store_errors
from store.transitions import from_now

SIGN_IN_ATTEMPTS = "sign_in_attempts"

_IS_OPEN = {"$gt": ["$expires_at", "$$NOW"]}


class MongoSignInAttempts:
    """One per process; safe for concurrent calls."""

    def __init__(self, database: Database[Document]) -> None:
        self._attempts = database[SIGN_IN_ATTEMPTS]

    def count(self, key: str, *, limit: int, window_s: float) -> float:
        """Count an attempt before it is made; return for how long it has to wait, 0 when it may be.

        A window begins with its first attempt. Counting first is what bounds attempts at once.
        """
        with store_errors():
            try:
                counted = self._count(key, window_s)
            except DuplicateKeyError:  # two made the document at once
                counted = self._count(key, window_s)
        return max(counted["wait_ms"], 1) / 1000 if counted["attempts"] > limit else 0

    def forgive(self, key: str) -> None:
        """Take back one attempt, which succeeded."""
        with store_errors():
            self._attempts.update_one(
                {"_id": key, "attempts": {"$gt": 0}}, {"$inc": {"attempts": -1}}
            )

    def _count(self, key: str, window_s: float) -> Document:
        one_more = {"$cond": [_IS_OPEN, {"$add": ["$attempts", 1]}, 1]}
        expires_at = {"$cond": [_IS_OPEN, "$expires_at", from_now(window_s)]}
        counted = self._attempts.find_one_and_update(
            {"_id": key},
            [{"$set": {"attempts": one_more, "expires_at": expires_at}}],
            projection={
                "attempts": 1,
                "wait_ms": {"$subtract": ["$expires_at", "$$NOW"]},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return counted or {}
