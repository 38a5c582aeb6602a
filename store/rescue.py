"""Durable state as the rescuer sees it: the core's RescueStore on MongoDB.

`due_at` says when something is to happen with a job; a job with nothing left to do has none.
"""

from datetime import UTC, datetime, timedelta

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.ports import Overdue
from store.connection import Document, store_errors
from store.failing import fail_job
from store.reads import job_from_document
from store.transitions import JOBS, in_transaction

#: Bytes are megabytes: few at a time.
_FILES_AT_A_TIME = 20


class MongoRescueStore:
    """One per rescuer process."""

    def __init__(self, database: Database[Document], *, failed_file_retention: timedelta) -> None:
        self._database = database
        self._failed_file_retention = failed_file_retention

    def overdue(
        self, handled_until: datetime | None, *, grace_s: float, limit: int
    ) -> list[Overdue]:
        """Return jobs that were due before both `handled_until` and now, by more than `grace_s`."""
        with store_errors():
            now = self._now()
            before = min(handled_until or now, now) - timedelta(seconds=grace_s)
            found = list(
                self._database[JOBS]
                .find({"due_at": {"$lt": before}}, {"file_data": False, "cv_data": False})
                .sort("due_at", ASCENDING)
                .limit(limit)
            )
        return [
            Overdue(job_from_document(job), job["due_at"], job.get("rescues", 0)) for job in found
        ]

    def take(self, overdue: Overdue) -> bool:
        """Make the job due now, by compare-and-set; False when something happened to it."""
        changes = {"due_at": "$$NOW", "rescues": overdue.rescues + 1}
        with store_errors():
            taken = self._database[JOBS].update_one(_as_seen(overdue), [{"$set": changes}])
        return taken.matched_count == 1

    def give_up(self, overdue: Overdue, code: str, message: str) -> bool:
        """End the job as failed, its dead letter being due; False when something happened to it."""

        def work(session: ClientSession) -> bool:
            before = fail_job(
                self._database,
                session,
                allowed=_as_seen(overdue),
                reason=(code, message),
                file_retention=self._failed_file_retention,
                letter_in_s=0,
            )
            return before is not None

        return in_transaction(self._database, work)

    def clear_expired_files(self) -> int:
        """Drop the inline bytes of failed jobs whose time is over; return how many.

        Those in their own collection are dropped by its TTL index.
        """
        with store_errors():
            expired = list(
                self._database[JOBS]
                .find({"file_expires_at": {"$lt": self._now()}}, {"_id": 1})
                .limit(_FILES_AT_A_TIME)
            )
            if not expired:
                return 0
            cleared = self._database[JOBS].update_many(
                {"_id": {"$in": [job["_id"] for job in expired]}},
                {"$unset": {"file_data": "", "file_expires_at": ""}},
            )
        return cleared.modified_count

    def _now(self) -> datetime:
        # The server's clock, which set `due_at`: ours may be wrong.
        now: datetime = self._database.command("hello")["localTime"]
        return now if now.tzinfo else now.replace(tzinfo=UTC)


def _as_seen(overdue: Overdue) -> Document:
    job = overdue.job
    return {
        "_id": ObjectId(job.id),
        "status": str(job.status),
        "attempt": job.attempt,
        "due_at": overdue.due_at,
    }
