"""What all runners of a schedule agree on, in MongoDB: who runs it, and up to when it has run.

A document is `{_id: name, trigger, last, owner, leased_until}`. Leases are measured by the server's
clock; `last` only moves by compare-and-set. One store per runner; used by its thread alone.
"""

from collections.abc import Collection as Names
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database

_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True)
class ScheduleState:
    """A schedule as MongoDB knows it."""

    name: str
    trigger: str
    #: Up to here all due times have been fired or given up.
    last: datetime
    is_ours: bool
    #: Who runs it: host, process id and a random part; empty while nobody does.
    owner: str


class ScheduleStore:
    """The schedules of one collection, seen by one runner."""

    def __init__(
        self, database: Database[Any], collection: str, *, owner: str, lease_s: float
    ) -> None:
        self._schedules: Collection[dict[str, Any]] = database.get_collection(
            collection, codec_options=_OPTIONS, read_preference=ReadPreference.PRIMARY
        )
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)

    def read(self, names: Names[str]) -> dict[str, ScheduleState]:
        """Return the states that there are, and take no lease."""
        with self._schedules.find({"_id": {"$in": list(names)}}) as found:
            return {document["_id"]: self._state(document) for document in found}

    def hold(self, names: Names[str]) -> dict[str, ScheduleState]:
        """Take or renew the leases that are free or ours; return the states that there are."""
        is_free = {"$lte": ["$leased_until", "$$NOW"]}  # a missing date is less than any date
        is_ours = {"$eq": ["$owner", self._owner]}
        until = {
            "$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": self._lease_ms}
        }
        self._schedules.update_many(
            {"_id": {"$in": list(names)}, "$expr": {"$or": [is_free, is_ours]}},
            [{"$set": {"owner": {"$literal": self._owner}, "leased_until": until}}],
        )
        return self.read(names)

    def begin(self, name: str, trigger: str, now: datetime) -> None:
        """Make a schedule that is not there yet; nothing before `now` is due."""
        fields = {"trigger": trigger, "last": now}
        self._schedules.update_one({"_id": name}, {"$setOnInsert": fields}, upsert=True)

    def begin_again(self, state: ScheduleState, trigger: str, now: datetime) -> None:
        """Give a schedule its new trigger; nothing before `now` is due."""
        self._schedules.update_one(
            {"_id": state.name, "owner": self._owner}, {"$set": {"trigger": trigger, "last": now}}
        )

    def claim(self, state: ScheduleState, until: datetime) -> bool:
        """Move `last` to `until`; False when another runner has, or has taken over."""
        claimed = self._schedules.update_one(
            {"_id": state.name, "owner": self._owner, "last": state.last},
            {"$set": {"last": until}},
        )
        return claimed.modified_count == 1

    def give_back(self, state: ScheduleState, until: datetime) -> None:
        """Undo a claim, for whoever holds the lease by now."""
        self._schedules.update_one(
            {"_id": state.name, "last": until}, {"$set": {"last": state.last}}
        )

    def release(self, names: Names[str]) -> None:
        """End our leases, so that a successor need not wait for them to run out."""
        self._schedules.update_many(
            {"_id": {"$in": list(names)}, "owner": self._owner},
            {"$unset": {"owner": "", "leased_until": ""}},
        )

    def _state(self, document: dict[str, Any]) -> ScheduleState:
        return ScheduleState(
            name=document["_id"],
            trigger=document["trigger"],
            last=document["last"],
            is_ours=document.get("owner") == self._owner,
            owner=document.get("owner", ""),
        )
