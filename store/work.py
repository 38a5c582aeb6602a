"""Durable state as the worker sees it: the core's WorkStore on MongoDB.

The claim's `attempt` fences: whoever holds an older one can change nothing.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.errors import ClaimLostError, UserHasResumeError, UserUnknownError
from resumes.job import Claim, JobStatus
from resumes.ports import Busy, ClaimMiss
from store.connection import Document, dump_json, store_errors
from store.transitions import FILES, JOBS, USERS, in_transaction, transition

_LEASE_HAS_EXPIRED = {"$expr": {"$lte": ["$lease_until", "$$NOW"]}}


class MongoWorkStore:
    """One per worker process; safe for concurrent calls."""

    def __init__(self, database: Database[Document], *, lease: timedelta) -> None:
        self._database = database
        self._lease_end = {"$add": ["$$NOW", int(lease.total_seconds() * 1000)]}

    def claim(self, job_id: str, worker: str) -> Claim | Busy | ClaimMiss:
        """Take the job by compare-and-set: pending, or processing with an expired lease."""
        key = ObjectId(job_id)
        may_be_claimed = [
            {"status": str(JobStatus.PENDING)},
            {"status": str(JobStatus.PROCESSING), **_LEASE_HAS_EXPIRED},
        ]

        def work(session: ClientSession) -> Document | None:
            return transition(
                self._database,
                session,
                allowed={"_id": key, "$or": may_be_claimed},
                to=JobStatus.PROCESSING,
                values={"worker": worker, "error_code": "", "error_message": ""},
                computed={"attempt": {"$add": ["$attempt", 1]}, "lease_until": self._lease_end},
            )

        before = in_transaction(self._database, work)
        if before is None:
            return self._why_missed(key)
        return Claim(
            job_id=job_id,
            user_id=str(before["user_id"]),
            file_name=before["file_name"],
            attempt=before["attempt"] + 1,
            max_attempts=before["max_attempts"],
        )

    def renew(self, claims: Iterable[Claim]) -> None:
        """Extend the leases of running attempts, in one round trip; lost ones are left alone."""
        renewals = [
            UpdateOne(_held_by(claim), [{"$set": {"lease_until": self._lease_end}}])
            for claim in claims
        ]
        with store_errors():
            self._database[JOBS].bulk_write(renewals, ordered=False)

    def load_file(self, job_id: str) -> bytes | None:
        """Return the PDF's bytes, None when they are gone."""
        key = ObjectId(job_id)
        with store_errors():
            if file := self._database[FILES].find_one({"_id": key}):
                return bytes(file["data"])
            job = self._database[JOBS].find_one({"_id": key}, {"file_data": 1})
        return bytes(job["file_data"]) if job and job.get("file_data") else None

    def complete(
        self, claim: Claim, resume_id: str, detail: dict[str, Any], cv_data: dict[str, Any]
    ) -> None:
        """In one transaction: resume pushed, job completed, bytes cleared, event written."""
        resume = {
            "_id": ObjectId(resume_id),
            "resume_detail": detail,
            "version": 1,
            "created_at": datetime.now(UTC),
        }

        def work(session: ClientSession) -> None:
            before = transition(
                self._database,
                session,
                allowed=_held_by(claim),
                to=JobStatus.COMPLETED,
                values={"resume_id": ObjectId(resume_id), "cv_data": dump_json(cv_data)},
                computed={"file_data": "$$REMOVE", "lease_until": "$$REMOVE"},
            )
            if before is None:
                raise ClaimLostError
            self._push_resume(before["user_id"], resume, session)
            self._database[FILES].delete_one({"_id": before["_id"]}, session=session)

        in_transaction(self._database, work)

    def fail(self, claim: Claim, code: str, message: str) -> None:
        """End the job as failed; its file stays, since a replay needs it."""

        def work(session: ClientSession) -> None:
            before = transition(
                self._database,
                session,
                allowed=_held_by(claim),
                to=JobStatus.FAILED,
                values={"error_code": code, "error_message": message},
                computed={"lease_until": "$$REMOVE"},
            )
            if before is None:
                raise ClaimLostError

        in_transaction(self._database, work)

    def _push_resume(self, user_id: ObjectId, resume: Document, session: ClientSession) -> None:
        # Not $push: the customer's Go services write an empty list as null, which $push refuses.
        present = {"$ifNull": ["$resume", []]}
        pushed = self._database[USERS].update_one(
            {"_id": user_id, "resume.0": {"$exists": False}},
            [
                {
                    "$set": {
                        "resume": {"$concatArrays": [present, [{"$literal": resume}]]},
                        "updated_at": "$$NOW",
                    }
                }
            ],
            session=session,
        )
        if pushed.matched_count:
            return
        if self._database[USERS].find_one({"_id": user_id}, {"_id": 1}, session=session):
            raise UserHasResumeError
        raise UserUnknownError

    def _why_missed(self, key: ObjectId) -> Busy | ClaimMiss:
        with store_errors():
            job = self._database[JOBS].find_one(
                {"_id": key}, {"status": 1, "attempt": 1, "lease_until": 1}
            )
        if job is None:
            return ClaimMiss.UNKNOWN
        if JobStatus(job["status"]).is_terminal:
            return ClaimMiss.FINISHED
        return Busy(job["attempt"], job.get("lease_until"))


def _held_by(claim: Claim) -> Document:
    return {
        "_id": ObjectId(claim.job_id),
        "status": str(JobStatus.PROCESSING),
        "attempt": claim.attempt,
    }
