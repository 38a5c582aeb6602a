"""Change a job's status: one compare-and-set, its event beside it, both or neither.

Every status change of the product goes through `transition`. Times that decide anything (leases)
are the server's `$$NOW`: a worker's clock may jump.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import pymongo
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from resumes.job import TRANSITIONS, JobStatus
from store.connection import Document, store_errors

JOBS = "resume_parse_jobs"
EVENTS = "job_events"
FILES = "resume_files"
USERS = "user"
QUOTAS = "upload_quotas"
KEYS = "idempotency_keys"

#: True on a job that waits for another attempt, and not there on others; the event says it too.
_IS_RETRYING = {
    "$cond": [
        {
            "$and": [
                {"$eq": ["$status", str(JobStatus.PENDING)]},
                {"$eq": [{"$type": "$next_retry_at"}, "date"]},
            ]
        },
        True,
        "$$REMOVE",
    ]
}

T = TypeVar("T")


def in_transaction(database: Database[Document], work: Callable[[ClientSession], T]) -> T:
    """Run `work(session)` in one transaction and return its result; it may run several times.

    All of it takes no longer than one operation may: a process that was killed leaves its
    transaction open, and MongoDB keeps what it touched for a while, so that we would try for two
    minutes. After that time StoreUnavailableError is raised.
    """
    timeout_s = database.client.options.timeout
    with store_errors(), pymongo.timeout(timeout_s), database.client.start_session() as session:
        return session.with_transaction(
            work,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority", j=True),
        )


def from_now(delay_s: float) -> Document:
    """Return the expression for a time by the server's clock."""
    return {"$add": ["$$NOW", round(delay_s * 1000)]}


def transition(  # noqa: PLR0913 - what a transition is, each named
    database: Database[Document],
    session: ClientSession,
    *,
    allowed: Document,
    to: JobStatus,
    values: Mapping[str, Any],
    computed: Mapping[str, Any] | None = None,
    event: Mapping[str, Any] | None = None,
) -> Document | None:
    """Move the job that `allowed` matches to `to`; return it as it was before, None on a miss.

    `values` are stored as they are; `computed` are aggregation expressions. `event` are further
    fields of the event, or others in the place of those that it has anyway.
    """
    changes = {
        # A literal: a value that starts with "$" would be read as a field's path.
        **{name: {"$literal": value} for name, value in values.items()},
        **(computed or {}),
        "status": str(to),
        "rev": {"$add": ["$rev", 1]},
        "updated_at": "$$NOW",
    }
    before = database[JOBS].find_one_and_update(
        allowed,
        [{"$set": changes}, {"$set": {"is_retrying": _IS_RETRYING}}],
        projection={"file_data": False, "cv_data": False},
        return_document=ReturnDocument.BEFORE,
        session=session,
    )
    if before is None:
        return None
    if to not in TRANSITIONS[JobStatus(before["status"])]:
        raise AssertionError(f"illegal transition {before['status']} -> {to}")
    job = {**before, **values}
    job["attempt"] += to is JobStatus.PROCESSING
    if to is JobStatus.PENDING:
        event = {**_retry_at(database, session, job["_id"]), **(event or {})}
    record_event(database, session, job=job, to=to, event=event)
    return before


def _retry_at(database: Database[Document], session: ClientSession, job_id: ObjectId) -> Document:
    # Read again: only the server knows what its clock made of a delay.
    job = database[JOBS].find_one({"_id": job_id}, {"next_retry_at": 1}, session=session)
    return {"retry_at": job["next_retry_at"]} if job and job.get("next_retry_at") else {}


def record_event(
    database: Database[Document],
    session: ClientSession,
    *,
    job: Document,
    to: JobStatus,
    created: bool = False,
    event: Mapping[str, Any] | None = None,
) -> None:
    """Append the event of a transition; `job` is as before, with the changed values in it."""
    is_attempt = str(JobStatus.PROCESSING) in {job["status"], str(to)}
    database[EVENTS].insert_one(
        {
            "job_id": job["_id"],
            "user_id": job["user_id"],
            "from": None if created else job["status"],
            "to": str(to),
            "attempt": job["attempt"],
            "rev": 1 if created else job["rev"] + 1,
            "reason": job.get("error_code") or "",
            "error_message": job.get("error_message") or "",
            "resume_id": str(job.get("resume_id") or ""),
            "worker": (job.get("worker") or "") if is_attempt else "",
            # A replayed job's time counts from then.
            "job_created_at": job.get("restarted_at") or job["created_at"],
            # As the event before said: a job that is postponed without an attempt has none.
            "was_retrying": bool(job.get("is_retrying")),
            "at": datetime.now(UTC),
            **(event or {}),
        },
        session=session,
    )
