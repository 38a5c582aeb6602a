"""The figures in MongoDB: `job_totals` (one document) and `job_minutes` (one for each minute).

The totals' document holds the position in the stream of events up to which all figures count, and
whoever changes figures moves it, by compare-and-set in the same transaction. So an event counts
exactly once, whoever dies and whoever else is at it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from bson import Timestamp
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.cancel import CANCELLED
from resumes.job_filter import JobState
from resumes.statistics import Minute, Totals
from resumes.tally import Change, Tally, fold
from store.connection import Document, store_errors
from store.transitions import JOBS, in_transaction

TOTALS = "job_totals"
MINUTES = "job_minutes"
THE_JOBS = "jobs"

#: A scan of all jobs; within the five minutes for which MongoDB keeps a snapshot.
_COUNT_TIMEOUT_S = 240
_GROUPS = [
    {
        "$group": {
            "_id": {
                "status": "$status",
                "is_retrying": {"$eq": ["$is_retrying", True]},
                "is_discarded": {"$eq": [{"$type": "$discarded_at"}, "date"]},
                "code": {"$cond": [{"$eq": ["$status", "failed"]}, "$error_code", ""]},
            },
            "count": {"$sum": 1},
        }
    },
    # The most frequent codes are those that are told apart.
    {"$sort": {"count": -1}},
]
_MAX_GROUPS = 100_000
_COUNTED = ("created", "completed", "failed", "cancelled", "retried", "replayed")


@dataclass(frozen=True)
class Kept:
    """Totals, and the position up to which they count: `watch` takes it as arguments."""

    position: Document
    totals: Totals
    #: When all jobs were counted last; None: by a release that did not note it.
    counted_at: datetime | None

    @property
    def tells_fewer_apart(self) -> bool:
        """True when a release wrote them that took a cancelled job for a failed one."""
        return self.counted_at is None or self.totals.failed_by_code.get(CANCELLED, 0) > 0

    def was_counted_before(self, age: timedelta) -> bool:
        """True when all jobs were counted longer ago."""
        return self.counted_at is None or datetime.now(UTC) - self.counted_at > age

    def is_older_than(self, age: timedelta, now: datetime) -> bool:
        """True when the figures were last written longer ago."""
        return self.totals.as_of is None or now - self.totals.as_of > age


class KeptFigures:
    """The figures of one database; safe for concurrent calls."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def read(self) -> Kept | None:
        """Return what is kept; None before the first count."""
        with store_errors():
            found = self._database[TOTALS].find_one({"_id": THE_JOBS})
        if found is None:
            return None
        return Kept(found["position"], totals_of(found), found.get("counted_at"))

    def count_anew(self, before: Kept | None) -> Kept | None:
        """Count all jobs as they are at one moment and go on from there.

        None when somebody moved the position from where it was `before`.
        """
        with store_errors(), pymongo.timeout(_COUNT_TIMEOUT_S):
            counted = self._database.command(
                "aggregate",
                JOBS,
                pipeline=_GROUPS,
                cursor={"batchSize": _MAX_GROUPS},
                readConcern={"level": "snapshot"},
            )["cursor"]
        moment: Timestamp = counted["atClusterTime"]
        tally = Tally(Totals())
        for group in counted["firstBatch"]:
            tally.add(_state(group["_id"]), group["_id"].get("code") or "", group["count"])
        # The snapshot has everything up to and including its moment.
        position = {"start_at_operation_time": Timestamp(moment.time, moment.inc + 1)}
        now = datetime.now(UTC).replace(microsecond=0)
        kept = Kept(position, tally.totals(now), counted_at=now)
        return kept if self._save(before, kept) else None

    def advance(
        self, before: Kept, position: Document, changes: Iterable[Change], as_of: datetime
    ) -> Kept | None:
        """Count what came between the two positions; None as above, and nothing is changed."""
        totals, minutes = fold(before.totals, changes, as_of)
        kept = replace(before, position=position, totals=totals)

        def work(session: ClientSession) -> bool:
            if not self._save(before, kept, session):
                return False
            self._database[MINUTES].bulk_write(
                [_addition(minute) for minute in minutes], ordered=False, session=session
            )
            return True

        is_saved = in_transaction(self._database, work) if minutes else self._save(before, kept)
        return kept if is_saved else None

    def _save(self, before: Kept | None, kept: Kept, session: ClientSession | None = None) -> bool:
        expected = {"$exists": False} if before is None else before.position
        try:
            with store_errors():
                saved = self._database[TOTALS].update_one(
                    {"_id": THE_JOBS, "position": expected},
                    {"$set": _document(kept)},
                    upsert=before is None,
                    session=session,
                )
        except DuplicateKeyError:
            return False
        return saved.matched_count == 1 or saved.upserted_id is not None


def totals_of(document: Mapping[str, Any]) -> Totals:
    """Return the totals that a document keeps."""
    names = {field.name for field in fields(Totals)}
    return Totals(**{name: document[name] for name in names & document.keys()})


def minute_of(document: Mapping[str, Any]) -> Minute:
    """Return the minute that a document keeps; what never happened in it is not there."""
    times = document.get("times", {})
    return Minute(
        at=document["_id"],
        failed_by_code=document.get("failed_by_code", {}),
        times=tuple(times.get(str(number), 0) for number in range(len(Minute.times))),
        **{name: document.get(name, 0) for name in _COUNTED},
    )


def _document(kept: Kept) -> Document:
    totals = {field.name: getattr(kept.totals, field.name) for field in fields(Totals)}
    return {"position": kept.position, "counted_at": kept.counted_at, **totals}


def _addition(minute: Minute) -> UpdateOne:
    sums = {
        **{name: getattr(minute, name) for name in _COUNTED},
        **{f"failed_by_code.{code}": count for code, count in minute.failed_by_code.items()},
        # A document, not an array: it is made by adding to what is not there yet.
        **{f"times.{number}": count for number, count in enumerate(minute.times)},
    }
    added = {name: count for name, count in sums.items() if count}
    changes = {"$setOnInsert": {"at": minute.at}, **({"$inc": added} if added else {})}
    return UpdateOne({"_id": minute.at}, changes, upsert=True)


def _state(group: Mapping[str, Any]) -> JobState:
    state = JobState(group["status"])
    if state is JobState.PENDING and group["is_retrying"]:
        return JobState.RETRYING
    if state is JobState.FAILED and group["is_discarded"]:
        return JobState.DISCARDED
    if state is JobState.FAILED and group.get("code") == CANCELLED:
        return JobState.CANCELLED
    return state
