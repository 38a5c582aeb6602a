"""What was decided about copies of messages that wait: cancelled, or brought forward.

A document is `{_id: copy's name, kind, is_final, by, reason, at, expires_at}`. There is one for a
copy, and whoever makes it has decided. Workers skip a copy once its decision `is_final`: one that
is brought forward must run where it waits unless its new copy is safe on Kafka.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from ..mongodb.expiring import expire_after

COLLECTION = "task_decisions"
#: As long as a delayed record may lie on Kafka in which no worker runs, and so come back.
KEPT_FOR = timedelta(days=8)
#: A worker keeps their names in memory.
MAX_DECISIONS = 100_000
#: Who has not said by then that the copy is on Kafka has died on the way.
_CLAIM_S = 60.0
#: Clocks of a replica set's members differ.
_OVERLAP = timedelta(seconds=30)
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)

Kind = Literal["cancelled", "brought_forward"]


@dataclass(frozen=True)
class Decision:
    """What was decided of a copy, and by whom."""

    kind: Kind
    is_final: bool
    by: str
    reason: str
    at: datetime


class Decisions:
    """Safe between threads and processes: every change is a compare-and-set."""

    def __init__(self, database: Database[Any]) -> None:
        self._decisions = database.get_collection(
            COLLECTION, codec_options=_OPTIONS, read_preference=ReadPreference.PRIMARY
        )
        self._is_indexed = False

    def decide(
        self,
        copy: str,
        kind: Kind,
        *,
        by: str,
        reason: str,
        is_final: bool,
        due_at: datetime | None,
    ) -> bool:
        """Decide about a copy; False when that was done before.

        What was begun and is not final after a minute, nobody will end: it may be decided anew.
        """
        self._make_index()
        now = datetime.now(UTC)
        # To be made where the filter finds none, or taken over from who has died.
        has_died = {"is_final": False, "at": {"$lt": now - timedelta(seconds=_CLAIM_S)}}
        fields = {
            "kind": kind,
            "is_final": is_final,
            "by": by,
            "reason": reason,
            "at": now,
            "expires_at": max(due_at or now, now) + KEPT_FOR,
        }
        try:
            self._decisions.update_one(
                {"_id": copy, **has_died},
                {"$set": fields, "$currentDate": {"changed_at": True}},
                upsert=True,
            )
        except DuplicateKeyError:
            return False
        return True

    def make_final(self, copy: str) -> None:
        """Let workers skip the copy from now on."""
        self._decisions.update_one(
            {"_id": copy}, {"$set": {"is_final": True}, "$currentDate": {"changed_at": True}}
        )

    def undo(self, copy: str, by: str) -> None:
        """Take back what was begun by somebody and is not final."""
        self._decisions.delete_one({"_id": copy, "by": by, "is_final": False})

    def of(self, copies: list[str]) -> dict[str, Decision]:
        """Return what was decided of these copies."""
        with self._decisions.find({"_id": {"$in": copies}}) as found:
            return {document["_id"]: _decision(document) for document in found}

    def count(self) -> int:
        """Count all, about."""
        return self._decisions.estimated_document_count()

    def news(self, since: datetime | None) -> list[tuple[str, datetime, datetime]]:
        """Return final decisions: (copy, when it changed, when it ends), those after `since` only.

        Some are told again.
        """
        wanted: dict[str, Any] = {"is_final": True}
        if since is not None:
            wanted["changed_at"] = {"$gt": since - _OVERLAP}
        fields = {"changed_at": 1, "expires_at": 1}
        newest = self._decisions.find(wanted, fields).sort("changed_at", -1)
        with newest.limit(MAX_DECISIONS) as found:
            return [(one["_id"], one["changed_at"], one["expires_at"]) for one in found]

    def _make_index(self) -> None:
        if not self._is_indexed:
            self._decisions.create_index([("is_final", 1), ("changed_at", 1)], name="news")
            expire_after(self._decisions, "expires_at", seconds=0)
            self._is_indexed = True


def _decision(document: Mapping[str, Any]) -> Decision:
    return Decision(
        kind=document["kind"],
        is_final=document["is_final"],
        by=document["by"],
        reason=document["reason"],
        at=document["at"],
    )
