"""Read jobs and their events: for the status endpoint and for the WebSocket."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING
from pymongo.database import Database

from resumes.events import JobEvent
from resumes.job import Job, JobStatus, is_object_id
from store.connection import Document, store_errors
from store.transitions import EVENTS, JOBS

UNFINISHED = [str(status) for status in JobStatus if not status.is_terminal]

#: Jobs told of when a client connects; a user rarely has more than one that matters.
_MAX_SNAPSHOT_JOBS = 20
#: Event ids of several processes are ordered to the second only, and clocks differ a little.
_SINCE_MARGIN = timedelta(seconds=5)
_WITHOUT_BYTES = {"file_data": False}


class MongoJobReader:
    """One per web process; safe for concurrent calls."""

    def __init__(self, database: Database[Document], *, catch_up: timedelta) -> None:
        """`catch_up`: how long ended jobs are told of to a client that does not say `since`."""
        self._database = database
        self._catch_up = catch_up

    def get(self, job_id: str, user_id: str) -> Job | None:
        """Return the user's job; None when it is unknown or another user's."""
        query = {"_id": ObjectId(job_id), "user_id": ObjectId(user_id)}
        with store_errors():
            document = self._database[JOBS].find_one(query, _WITHOUT_BYTES)
        return job_from_document(document) if document else None

    def position(self, job: Job, *, limit: int) -> int:
        """Return how many pending jobs were made before this one, counting up to `limit`."""
        before = {"status": str(JobStatus.PENDING), "created_at": {"$lt": job.created_at}}
        with store_errors():
            return self._database[JOBS].count_documents(before, limit=limit)

    def event_from_document(self, document: Mapping[str, Any]) -> JobEvent:
        """Return the event of a `job_events` document, with `cv_data` when it completed the job."""
        status = JobStatus(document["to"])
        cv_data = None
        if status is JobStatus.COMPLETED:
            with store_errors():
                job = self._database[JOBS].find_one({"_id": document["job_id"]}, {"cv_data": 1})
            cv_data = _load_cv(job or {})
        return JobEvent(
            id=str(document["_id"]),
            job_id=str(document["job_id"]),
            user_id=str(document["user_id"]),
            status=status,
            rev=document["rev"],
            error_message=document["error_message"],
            resume_id=document["resume_id"],
            cv_data=cv_data,
        )

    def snapshot(self, user_id: str, since: str | None) -> list[JobEvent]:
        """Return the present state of unfinished and lately ended jobs, oldest first."""
        if is_object_id(since):
            ended_after = ObjectId(since).generation_time - _SINCE_MARGIN
        else:
            ended_after = datetime.now(UTC) - self._catch_up
        query = {
            "user_id": ObjectId(user_id),
            "$or": [{"status": {"$in": UNFINISHED}}, {"updated_at": {"$gte": ended_after}}],
        }
        with store_errors():
            newest = list(
                self._database[JOBS]
                .find(query, _WITHOUT_BYTES)
                .sort("created_at", DESCENDING)
                .limit(_MAX_SNAPSHOT_JOBS)
            )
            event_ids = self._event_ids([job["_id"] for job in newest])
        return [
            _present_state(job, event_ids.get((job["_id"], job["rev"]), ""))
            for job in reversed(newest)
        ]

    def _event_ids(self, job_ids: list[ObjectId]) -> dict[tuple[ObjectId, int], str]:
        """Return the id of each event of these jobs, by job and rev."""
        events = self._database[EVENTS].find({"job_id": {"$in": job_ids}}, {"job_id": 1, "rev": 1})
        return {(event["job_id"], event["rev"]): str(event["_id"]) for event in events}


def _present_state(document: Document, event_id: str) -> JobEvent:
    job = job_from_document(document)
    return JobEvent(
        id=event_id,
        job_id=job.id,
        user_id=job.user_id,
        status=job.status,
        rev=job.rev,
        error_message=job.error_message,
        resume_id=job.resume_id,
        cv_data=job.cv_data,
    )


def job_from_document(document: Mapping[str, Any]) -> Job:
    """Return the core's view of a job document."""
    return Job(
        id=str(document["_id"]),
        user_id=str(document["user_id"]),
        file_name=document["file_name"],
        status=JobStatus(document["status"]),
        attempt=document["attempt"],
        max_attempts=document["max_attempts"],
        rev=document["rev"],
        size_bytes=document["size"],
        sha256=document["sha256"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        error_code=document.get("error_code") or "",
        error_message=document.get("error_message") or "",
        resume_id=str(document.get("resume_id") or ""),
        cv_data=_load_cv(document),
        next_retry_at=document.get("next_retry_at"),
    )


def _load_cv(document: Mapping[str, Any]) -> dict[str, Any] | None:
    text = document.get("cv_data")
    return json.loads(text) if text else None
