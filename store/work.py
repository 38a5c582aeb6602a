"""Durable state as the worker sees it: the core's WorkStore on MongoDB.

What becomes of a claimed job: each outcome is one transaction that only the claim's holder can do.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.errors import ClaimLostError, UserHasResumeError, UserUnknownError
from resumes.job import Claim, JobStatus
from store.claims import IS_EXHAUSTED, MongoClaims, held_by
from store.closed_letters import close_letter
from store.connection import Document, dump_json, store_errors
from store.failing import LETTER_DUE, LETTER_TIME_S, LETTER_WRITTEN, fail_job
from store.files import load_file
from store.transitions import FILES, JOBS, USERS, from_now, in_transaction, transition


class MongoWorkStore(MongoClaims):
    """One per worker process; safe for concurrent calls."""

    def __init__(
        self, database: Database[Document], *, lease: timedelta, failed_file_retention: timedelta
    ) -> None:
        super().__init__(database, lease=lease)
        self._failed_file_retention = failed_file_retention

    def load_file(self, job_id: str) -> bytes | None:
        """Return the PDF's bytes, None when they are gone."""
        return load_file(self._database, job_id)

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
                allowed=held_by(claim),
                to=JobStatus.COMPLETED,
                values={"resume_id": ObjectId(resume_id), "cv_data": dump_json(cv_data)},
                computed={
                    "file_data": "$$REMOVE",
                    "lease_until": "$$REMOVE",
                    "due_at": "$$REMOVE",
                },
            )
            if before is None:
                raise ClaimLostError
            self._push_resume(before["user_id"], resume, session)
            self._database[FILES].delete_one({"_id": before["_id"]}, session=session)

        in_transaction(self._database, work)

    def release(
        self,
        claim: Claim,
        code: str,
        message: str,
        *,
        delay_s: float,
        counts: bool,
        trace: str = "",
    ) -> None:
        """Let the job be pending again, due in `delay_s`; raises ClaimLostError."""
        forgiven = {"$add": [{"$ifNull": ["$forgiven", 0]}, 0 if counts else 1]}
        until = from_now(delay_s)

        def work(session: ClientSession) -> None:
            before = transition(
                self._database,
                session,
                allowed=held_by(claim),
                to=JobStatus.PENDING,
                values={"error_code": code, "error_message": message},
                computed={
                    "forgiven": forgiven,
                    "next_retry_at": until,
                    "due_at": until,
                    "lease_until": "$$REMOVE",
                },
                event={"trace": trace} if trace else {},
            )
            if before is None:
                raise ClaimLostError

        in_transaction(self._database, work)

    def fail(self, claim: Claim, code: str, message: str, *, trace: str = "") -> None:
        """End the job as failed, its dead letter being due; raises ClaimLostError."""
        if not self._fail(held_by(claim), code, message, trace):
            raise ClaimLostError

    def give_up(self, job_id: str, code: str, message: str) -> bool:
        """The same for a job whose last attempt died; False when it is not so any more."""
        allowed = {
            "_id": ObjectId(job_id),
            "status": str(JobStatus.PROCESSING),
            "$expr": IS_EXHAUSTED,
        }
        return self._fail(allowed, code, message)

    def note_letter(self, job_id: str, letter_id: str | None) -> None:
        """Note that the dead letter of a failed job is written, and where, if that is known.

        A job that an operator replayed or discarded since is done with it.
        """
        place = {"letter_id": letter_id} if letter_id else {}
        with store_errors():
            noted = self._database[JOBS].update_one(
                {"_id": ObjectId(job_id), "dead_letter": LETTER_DUE},
                {"$set": {"dead_letter": LETTER_WRITTEN, **place}, "$unset": {"due_at": ""}},
            )
            if not noted.matched_count and not self._is_failed(job_id):
                close_letter(self._database, letter_id)

    def _is_failed(self, job_id: str) -> bool:
        failed = {
            "_id": ObjectId(job_id),
            "status": str(JobStatus.FAILED),
            "discarded_at": {"$exists": False},
        }
        return self._database[JOBS].find_one(failed, {"_id": 1}) is not None

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

    def _fail(self, allowed: Document, code: str, message: str, trace: str = "") -> bool:
        def work(session: ClientSession) -> bool:
            before = fail_job(
                self._database,
                session,
                allowed=allowed,
                reason=(code, message),
                file_retention=self._failed_file_retention,
                letter_in_s=LETTER_TIME_S,
                trace=trace,
            )
            return before is not None

        return in_transaction(self._database, work)
