"""What operators see of the jobs: lists, one job's history, failures by kind.

Reads only. No page counts or scans: lists walk an index (`job_queries.py`), figures are kept ones.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout

from resumes.job import is_object_id
from resumes.job_filter import FilterTooBroadError, JobFilter, JobState
from resumes.operating import FailureGroup, JobDetails, JobPage, ListedJob, RecordPlace, Step
from store.connection import Document, store_errors
from store.error_messages import messages_saying
from store.files import load_file
from store.job_queries import cursor_of, in_state, query, state_of
from store.reads import job_from_document
from store.transitions import EVENTS, FILES, JOBS

TOTALS = "job_totals"

#: A page of an answer is ready in milliseconds, unless the jobs themselves are searched for a text.
_MAX_SEARCH_S = 2.0
_EXPORT_PAGE = 500
_LISTED_FIELDS = {"file_data": False, "cv_data": False}


class MongoAdminReads:
    """One per process; safe for concurrent calls. Every method may raise StoreUnavailableError."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._jobs = database[JOBS]

    def jobs(self, wanted: JobFilter, *, cursor: str | None = None, limit: int = 50) -> JobPage:
        """Return the jobs that fulfil the filter, newest first; the next page by its cursor.

        Raises FilterError: the cursor is none of ours, or (FilterTooBroadError) it takes too long.
        """
        now = datetime.now(UTC)
        with store_errors(), pymongo.timeout(_MAX_SEARCH_S):
            try:
                arguments = query(wanted, cursor, now, messages_saying(self._jobs, wanted))
                found = list(
                    self._jobs.find(**arguments, projection=_LISTED_FIELDS, limit=limit + 1)
                )
            except ExecutionTimeout:
                if wanted.error_text:
                    raise FilterTooBroadError from None
                raise
        page = found[:limit]
        has_more = len(found) > limit
        return JobPage(
            [_listed(document, now) for document in page],
            cursor_of(page[-1]) if has_more else None,
        )

    def export(self, wanted: JobFilter) -> Iterator[ListedJob]:
        """Return all jobs that fulfil the filter, newest first; a page at a time is in memory.

        What `jobs` raises for the first page is raised here, before anything is handed out.
        """
        return self._rest(wanted, self.jobs(wanted, limit=_EXPORT_PAGE))

    def details(self, job_id: str) -> JobDetails | None:
        """Return all that is known of the job; None when there is none."""
        if not is_object_id(job_id):
            return None
        key = ObjectId(job_id)
        with store_errors():
            document = self._jobs.find_one({"_id": key}, {"file_data": False})
            if document is None:
                return None
            events = list(self._database[EVENTS].find({"job_id": key}, sort=[("rev", ASCENDING)]))
            has_file = self._has_file(key)
            success = self._last_success(document["user_id"])
        return JobDetails(
            listed=_listed(document, datetime.now(UTC)),
            steps=_steps(events),
            has_file=has_file,
            last_success_id=str(success["_id"]) if success else "",
            letter_id=document.get("letter_id") or "",
            traceparent=document.get("traceparent") or "",
        )

    def file(self, job_id: str) -> bytes | None:
        """Return the job's PDF; None when its bytes are gone."""
        return load_file(self._database, job_id) if is_object_id(job_id) else None

    def failure_groups(self) -> list[FailureGroup]:
        """Return the failed jobs by error code, the largest group first."""
        with store_errors():
            totals = self._database[TOTALS].find_one({"_id": "jobs"}, {"failed_by_code": 1}) or {}
            counts: dict[str, int] = totals.get("failed_by_code") or {}
            groups = [self._group(code, count) for code, count in counts.items() if count > 0]
        return sorted(groups, key=lambda group: (-group.count, group.error_code))

    def oldest_pending_at(self) -> datetime | None:
        """Return since when the job waits for a worker that has waited longest; None without one.

        A replayed job waits since its replay, and one that waits for its next attempt waits for no
        worker.
        """
        with store_errors():
            oldest = self._jobs.find_one(
                in_state(JobState.PENDING, datetime.now(UTC)),
                {"updated_at": 1},
                sort=[("updated_at", ASCENDING)],
                hint="pending_since",
            )
        return oldest["updated_at"] if oldest else None

    def _rest(self, wanted: JobFilter, page: JobPage) -> Iterator[ListedJob]:
        # By pages, not by one cursor of the database: that would end with the time of an operation.
        yield from page.jobs
        while page.next_cursor:
            page = self.jobs(wanted, cursor=page.next_cursor, limit=_EXPORT_PAGE)
            yield from page.jobs

    def _has_file(self, key: ObjectId) -> bool:
        inline = {"_id": key, "file_data": {"$exists": True}}
        return (
            self._database[FILES].find_one({"_id": key}, {"_id": 1}) is not None
            or self._jobs.find_one(inline, {"_id": 1}) is not None
        )

    def _last_success(self, user_id: ObjectId) -> Document | None:
        return self._jobs.find_one(
            {"user_id": user_id, "status": "completed"},
            {"_id": 1},
            sort=[("created_at", DESCENDING), ("_id", DESCENDING)],
            hint="newest_by_user",
        )

    def _group(self, code: str, count: int) -> FailureGroup:
        first, last = self._failure(code, ASCENDING), self._failure(code, DESCENDING)
        return FailureGroup(
            error_code=code,
            count=count,
            first_at=first.get("updated_at"),
            last_at=last.get("updated_at"),
            sample_job_id=str(last.get("_id", "")),
            sample_message=last.get("error_message", ""),
        )

    def _failure(self, code: str, direction: int) -> Document:
        """Return the first or last job that failed so; empty when the figures are behind."""
        failure = self._jobs.find_one(
            {"status": "failed", "error_code": code, "discarded_at": None},
            {"updated_at": 1, "error_message": 1},
            sort=[("updated_at", direction)],
            hint="failures",
        )
        return failure or {}


def _listed(document: Document, now: datetime) -> ListedJob:
    return ListedJob(
        job=job_from_document(document),
        state=state_of(document, now),
        worker=document.get("worker") or "",
        replays=document.get("replays") or 0,
    )


def _steps(events: list[Document]) -> list[Step]:
    """Return the history; `events` are in its order."""
    befores: list[Any] = [None, *events]
    return [_step(event, before) for event, before in zip(events, befores, strict=False)]


def _step(event: Document, before: Document | None) -> Step:
    place = event.get("place")
    return Step(
        at=event["at"],
        from_status=event["from"],
        to_status=event["to"],
        attempt=event["attempt"],
        reason=event["reason"],
        error_message=event["error_message"],
        worker=event.get("worker") or "",
        place=RecordPlace(**place) if place else None,
        operator=event.get("operator") or "",
        trace=event.get("trace") or "",
        # Written by two processes, whose clocks may differ.
        took_s=max(0.0, (event["at"] - before["at"]).total_seconds()) if before else None,
    )
