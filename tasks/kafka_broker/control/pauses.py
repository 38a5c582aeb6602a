"""Which lanes are paused, for all workers: a document for each lane that ever was.

`{_id: topic, is_paused, by, reason, at}`; it stays after the pause, and says who ended it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

COLLECTION = "task_pauses"
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True)
class Lane:
    """A lane of a queue, and whether it is paused."""

    queue: str
    #: high, normal or low.
    name: str
    topic: str
    is_paused: bool
    #: Who changed that last, why and when; None: nobody ever did.
    by: str = ""
    reason: str = ""
    at: datetime | None = None


class LanePauses:
    """Safe between threads and processes: every change is a compare-and-set."""

    def __init__(self, database: Database[Any]) -> None:
        self._pauses = database.get_collection(
            COLLECTION, codec_options=_OPTIONS, read_preference=ReadPreference.PRIMARY
        )

    def paused(self) -> list[str]:
        """Return the topics of the lanes that are paused."""
        with self._pauses.find({"is_paused": True}, {"_id": 1}) as found:
            return [document["_id"] for document in found]

    def lanes(self, queue: str, topics: Iterable[tuple[str, str]]) -> list[Lane]:
        """Return the lanes of a queue, given their names and topics."""
        topics = list(topics)
        with self._pauses.find({"_id": {"$in": [topic for _, topic in topics]}}) as found:
            known = {document.pop("_id"): document for document in found}
        return [
            Lane(queue, name, topic, **known.get(topic, {"is_paused": False}))
            for name, topic in topics
        ]

    def pause(self, topic: str, *, by: str, reason: str) -> bool:
        """Pause a lane; False when it was paused already."""
        return self._change(topic, by=by, reason=reason, is_paused=True)

    def unpause(self, topic: str, *, by: str, reason: str) -> bool:
        """Let a lane go on; False when it was not paused."""
        return self._change(topic, by=by, reason=reason, is_paused=False)

    def _change(self, topic: str, *, by: str, reason: str, is_paused: bool) -> bool:
        fields = {"is_paused": is_paused, "by": by, "reason": reason, "at": datetime.now(UTC)}
        try:
            changed = self._pauses.update_one(
                {"_id": topic, "is_paused": not is_paused},
                {"$set": fields},
                # A lane that nobody ever paused has no document, and is not paused.
                upsert=is_paused,
            )
        except DuplicateKeyError:
            return False
        return bool(changed.modified_count or changed.upserted_id)
