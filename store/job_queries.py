"""How the jobs that a JobFilter means are found, newest first. Pure.

Each list walks one index of `migrations/versions/0003_pre_job_lists.py` (or 0008) in its order. The
index is named, since a planner that chooses by trial walks a wrong one for seconds when few jobs
match.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING

from resumes.cancel import CANCELLED
from resumes.job import JobStatus, is_object_id
from resumes.job_filter import CursorError, JobFilter, JobState
from store.connection import Document

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Fewer attempts are nothing that an index tells apart: nearly all jobs have them.
_INDEXED_ATTEMPTS = 2
_MAX_CURSOR_DIGITS = 14
#: Whoever begins with a job takes the error of its last attempt away.
_WITH_ERRORS = ["pending", "failed"]
# "Not after" holds for an absent time too, and keys of an index can answer it. To ask for null
# would fetch each document, since a key does not tell null from absent.
_NOT_DISCARDED = {"discarded_at": {"$not": {"$gt": _EPOCH}}}


@dataclass(frozen=True)
class MessagesFound:
    """What says the text that is looked for: jobs have one of the codes and one of the messages."""

    codes: list[str]
    messages: list[str]


def query(
    wanted: JobFilter,
    cursor: str | None,
    now: datetime,
    found: MessagesFound | None,
) -> Document:
    """Return the arguments of `find`; raise FilterError when `cursor` is none of ours.

    `found`: what `messages_saying` returned for this filter.
    """
    by_id = bool(wanted.job_ids)
    order = [("_id", DESCENDING)] if by_id else [("created_at", DESCENDING), ("_id", DESCENDING)]
    after = [] if cursor is None else _after(cursor, by_id=by_id)
    return {
        "filter": {"$and": [*_conditions(wanted, now, found), *after]},
        "sort": order,
        "hint": _index(wanted, found),
    }


def cursor_of(document: Mapping[str, Any]) -> str:
    """Return the cursor of the page that begins after this job."""
    created_at: datetime = document["created_at"]
    return f"{(created_at - _EPOCH) // timedelta(milliseconds=1)}-{document['_id']}"


def state_of(document: Mapping[str, Any], now: datetime) -> JobState:
    """Return what an operator calls the job's state."""
    status = JobStatus(document["status"])
    if status is JobStatus.FAILED and document.get("discarded_at"):
        return JobState.DISCARDED
    if status is JobStatus.FAILED and document.get("error_code") == CANCELLED:
        return JobState.CANCELLED
    if status is JobStatus.PENDING and (document.get("next_retry_at") or _EPOCH) > now:
        return JobState.RETRYING
    return JobState(status)


def in_state(state: JobState, now: datetime) -> Document:
    """Return the condition that a job is in this state."""
    match state:
        case JobState.PENDING:
            return {"status": "pending", "next_retry_at": {"$not": {"$gt": now}}}
        case JobState.RETRYING:
            return {"status": "pending", "next_retry_at": {"$gt": now}}
        case JobState.FAILED:
            return {"status": "failed", "error_code": {"$ne": CANCELLED}, **_NOT_DISCARDED}
        case JobState.CANCELLED:
            return {"status": "failed", "error_code": CANCELLED, **_NOT_DISCARDED}
        case JobState.DISCARDED:
            return {"status": "failed", "discarded_at": {"$gt": _EPOCH}}
        case _:
            return {"status": str(state)}


def _conditions(wanted: JobFilter, now: datetime, found: MessagesFound | None) -> list[Document]:
    conditions = [
        wanted.job_ids and {"_id": {"$in": [ObjectId(job_id) for job_id in wanted.job_ids]}},
        wanted.state and in_state(wanted.state, now),
        wanted.error_code and {"error_code": wanted.error_code},
        wanted.error_text and _text_condition(wanted, found),
        wanted.user_id and {"user_id": ObjectId(wanted.user_id)},
        # Always: MongoDB asks an index's keys only where its first field has a condition, and
        # fetches each document otherwise.
        {"created_at": {"$gte": wanted.since or _EPOCH}},
        wanted.until and {"created_at": {"$lt": wanted.until}},
        wanted.min_attempts and {"attempt": {"$gte": wanted.min_attempts}},
    ]
    return [condition for condition in conditions if isinstance(condition, dict)]


def _text_condition(wanted: JobFilter, found: MessagesFound | None) -> Document:
    if found is None:
        # A message has a code beside it, by which the partial index is recognized.
        says = {"$regex": re.escape(wanted.error_text), "$options": "i"}
        return {"error_code": {"$gt": ""}, "error_message": says}
    return {
        "error_code": {"$in": found.codes},
        "error_message": {"$in": found.messages},
        **({} if wanted.state else {"status": {"$in": _WITH_ERRORS}}),
    }


def _after(cursor: str, *, by_id: bool) -> list[Document]:
    milliseconds, _, job_id = cursor.partition("-")
    is_number = milliseconds.isascii() and milliseconds.isdigit()
    if not (is_number and len(milliseconds) <= _MAX_CURSOR_DIGITS and is_object_id(job_id)):
        raise CursorError
    older = {"_id": {"$lt": ObjectId(job_id)}}
    if by_id:
        return [older]
    created_at = _EPOCH + timedelta(milliseconds=int(milliseconds))
    return [
        # The bound of the walk; then the jobs of the same moment that were shown.
        {"created_at": {"$lte": created_at}},
        {"$or": [{"created_at": {"$lt": created_at}}, older]},
    ]


def _index(wanted: JobFilter, found: MessagesFound | None) -> str:
    """Name the index that leaves the fewest jobs to look at."""
    choices = [
        ("_id_", bool(wanted.job_ids)),
        ("newest_by_user", bool(wanted.user_id)),
        ("newest_by_message", found is not None),
        ("newest_with_error", bool(wanted.error_text)),
        ("newest_by_error", bool(wanted.error_code) or wanted.state is JobState.CANCELLED),
        ("newest_retried", (wanted.min_attempts or 0) >= _INDEXED_ATTEMPTS),
        ("newest_by_status", wanted.state is not None),
    ]
    return next((name for name, is_best in choices if is_best), "newest")
