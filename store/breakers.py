"""The state of a circuit breaker that all processes share: a document, and compare-and-sets.

Times are the server's, and only durations leave here: a process whose clock jumped neither opens
nor closes anything early.
"""

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.breaker import BreakerState
from store.connection import Document, store_errors
from store.transitions import from_now

BREAKERS = "circuit_breakers"

_CLOSED, _OPEN, _HALF_OPEN = "closed", "open", "half-open"


class MongoBreakerStore:
    """The breaker of that name; safe for concurrent calls."""

    def __init__(self, database: Database[Document], name: str) -> None:
        self._breakers = database[BREAKERS]
        self._name = name

    def read(self) -> BreakerState:
        """Return the state; a breaker that nobody touched is closed."""
        with store_errors():
            found = self._breakers.find_one({"_id": self._name}, _STATE)
        return _state(found or {})

    def count_failure(self) -> int:
        """Count a failed call and return how many came one after another."""
        with store_errors():
            try:
                return self._count_failure()
            except DuplicateKeyError:  # two made the document at once
                return self._count_failure()

    def forget_failures(self) -> None:
        """Begin to count anew."""
        self._change({"failures": {"$gt": 0}}, {"failures": 0})

    def open(self) -> None:
        """Open it, unless it is."""
        self._change(
            {"state": {"$ne": _OPEN}},
            {"state": _OPEN, "changed_at": "$$NOW", "probe_until": "$$REMOVE"},
        )

    def half_open(self, *, after_s: float) -> None:
        """Let a probe through, if it has been open for `after_s`."""
        is_over = {"$lte": ["$changed_at", from_now(-after_s)]}
        self._change(
            {"state": _OPEN, "$expr": is_over}, {"state": _HALF_OPEN, "changed_at": "$$NOW"}
        )

    def take_probe(self, *, for_s: float) -> bool:
        """Become the one who tests; False when another is at it. A dead one loses it `for_s`."""
        is_free = {"$lte": ["$probe_until", "$$NOW"]}
        return self._change(
            {"state": _HALF_OPEN, "$expr": is_free}, {"probe_until": from_now(for_s)}
        )

    def close(self) -> None:
        """Close it after a probe that succeeded."""
        self._change(
            {"state": _HALF_OPEN},
            {
                "state": _CLOSED,
                "changed_at": "$$NOW",
                "failures": 0,
                "probe_until": "$$REMOVE",
            },
        )

    def _count_failure(self) -> int:
        after = self._breakers.find_one_and_update(
            {"_id": self._name},
            {"$inc": {"failures": 1}, "$setOnInsert": {"state": _CLOSED}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int((after or {})["failures"])

    def _change(self, wanted: Document, changes: Document) -> bool:
        with store_errors():
            changed = self._breakers.update_one({"_id": self._name, **wanted}, [{"$set": changes}])
        return changed.matched_count == 1


_STATE = {
    "state": 1,
    "failures": 1,
    "age_ms": {"$subtract": ["$$NOW", "$changed_at"]},
    "probe_ms": {"$subtract": ["$probe_until", "$$NOW"]},
}


def _state(document: Document) -> BreakerState:
    age_ms = document.get("age_ms")
    return BreakerState(
        state=document.get("state", _CLOSED),
        failures=document.get("failures", 0),
        age_s=None if age_ms is None else age_ms / 1000,
        probe_s=max(0, document.get("probe_ms") or 0) / 1000,
    )
