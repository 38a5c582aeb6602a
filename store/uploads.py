"""Durable state as the upload sees it: the core's UploadStore on MongoDB.

The one-resume rule needs no lock. Opening a job is one snapshot transaction which reads "no
resume yet" and inserts under a unique index on unfinished jobs per user: if a job of the user
completes meanwhile, the two transactions conflict on that index and one is run again.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.errors import (
    DailyLimitReached,
    IdempotencyInProgress,
    JobInFlight,
    ResumeAlreadyExists,
    StoreUnavailableError,
)
from resumes.job import Job, JobStatus
from resumes.ports import EarlierUpload, NewJob
from store.connection import Document, store_errors
from store.documents import IdempotencyKey, ResumeFile, ResumeParseJob
from store.failing import fail_job
from store.reads import UNFINISHED, job_from_document
from store.transitions import (
    FILES,
    JOBS,
    KEYS,
    QUOTAS,
    USERS,
    in_transaction,
    record_event,
)

_OPEN_TRIES = 3


class MongoUploadStore:
    """One per web process; safe for concurrent calls."""

    def __init__(
        self,
        database: Database[Document],
        *,
        storage_kind: Literal["mongo", "inline"],
        answer_timeout: timedelta,
        failed_file_retention: timedelta,
    ) -> None:
        """`answer_timeout`: after so long an upload without an answer can't be running any more."""
        self._database = database
        self._storage_kind = storage_kind
        self._answer_timeout = answer_timeout
        self._failed_file_retention = failed_file_retention

    def uploads_used(self, user_id: str, day: str) -> int:
        """Return how many accepted uploads the user has on that day."""
        with store_errors():
            quota = self._database[QUOTAS].find_one({"_id": f"{user_id}:{day}"})
        return quota["used"] if quota else 0

    def check_no_resume(self, user_id: str) -> None:
        """Raise ResumeAlreadyExists when the user's document holds a resume."""
        with store_errors():
            self._check_no_resume(user_id, None)

    def earlier_upload(self, user_id: str, idempotency_key: str) -> EarlierUpload | None:
        """Return the upload that came first with this key, if there was one."""
        with store_errors():
            key = self._database[KEYS].find_one({"_id": f"{user_id}:{idempotency_key}"})
        if key is None:
            return None
        age = datetime.now(UTC) - key["created_at"]
        is_running = key.get("answered_at") is None and age < self._answer_timeout
        return EarlierUpload(str(key["job_id"]), key["sha256"], is_running)

    def open(self, new_job: NewJob, data: bytes) -> Job:
        """Store job, bytes, quota and first event in one transaction."""
        document = self._job_document(new_job)

        def work(session: ClientSession) -> None:
            self._insert_key(new_job, document, session)
            self._check_no_resume(new_job.user_id, session)
            self._insert_job(document, data, session)
            self._charge(new_job, session)
            record_event(self._database, session, job=document, to=JobStatus.PENDING, created=True)

        for _ in range(_OPEN_TRIES):
            try:
                in_transaction(self._database, work)
            except _InFlightError:
                if unfinished := self._unfinished_job_of(new_job.user_id):
                    raise JobInFlight(unfinished) from None
                continue  # it ended between the two looks
            return job_from_document(document)
        raise StoreUnavailableError

    def mark_answered(self, user_id: str, idempotency_key: str) -> None:
        """Note that the key's first upload was accepted."""
        with store_errors():
            self._database[KEYS].update_one(
                {"_id": f"{user_id}:{idempotency_key}"},
                {"$set": {"answered_at": datetime.now(UTC)}},
            )

    def fail_publish(self, job_id: str, code: str, message: str) -> bool:
        """Fail a job that no worker has seen: not charged, its key free. False: a worker has it."""

        def work(session: ClientSession) -> bool:
            before = fail_job(
                self._database,
                session,
                allowed={"_id": ObjectId(job_id), "status": str(JobStatus.PENDING), "attempt": 0},
                reason=(code, message),
                file_retention=self._failed_file_retention,
                letter_in_s=None,
            )
            if before is None:
                return False
            user_id = before["user_id"]
            quota_id = f"{user_id}:{before['day']}"
            self._database[QUOTAS].update_one(
                {"_id": quota_id, "used": {"$gt": 0}}, {"$inc": {"used": -1}}, session=session
            )
            if key := before.get("idempotency_key"):
                self._database[KEYS].delete_one({"_id": f"{user_id}:{key}"}, session=session)
            return True

        return in_transaction(self._database, work)

    def _job_document(self, new_job: NewJob) -> Document:
        now = datetime.now(UTC)
        job = ResumeParseJob(
            id=ObjectId(),
            user_id=ObjectId(new_job.user_id),
            file_name=new_job.file_name,
            storage=self._storage_kind,
            size=new_job.size_bytes,
            sha256=new_job.sha256,
            status=str(JobStatus.PENDING),
            rev=1,
            attempt=0,
            due_at=now,
            max_attempts=new_job.max_attempts,
            day=new_job.day,
            idempotency_key=new_job.idempotency_key,
            traceparent=new_job.traceparent or None,
            created_at=now,
            updated_at=now,
        )
        job.validate()
        document: Document = job.to_mongo().to_dict()
        return document

    def _insert_key(self, new_job: NewJob, document: Document, session: ClientSession) -> None:
        if new_job.idempotency_key is None:
            return
        key = IdempotencyKey(
            id=f"{new_job.user_id}:{new_job.idempotency_key}",
            job_id=document["_id"],
            sha256=new_job.sha256,
            created_at=document["created_at"],
        )
        try:
            self._database[KEYS].insert_one(key.to_mongo().to_dict(), session=session)
        except DuplicateKeyError:
            raise IdempotencyInProgress from None

    def _check_no_resume(self, user_id: str, session: ClientSession | None) -> None:
        query = {"_id": ObjectId(user_id), "resume.0": {"$exists": True}}
        user = self._database[USERS].find_one(query, {"resume._id": 1}, session=session)
        if user is not None:
            raise ResumeAlreadyExists(str(user["resume"][0].get("_id", "")))

    def _insert_job(self, document: Document, data: bytes, session: ClientSession) -> None:
        inline = {"file_data": data} if self._storage_kind == "inline" else {}
        try:
            self._database[JOBS].insert_one({**document, **inline}, session=session)
        except DuplicateKeyError:
            raise _InFlightError from None
        if not inline:
            file = ResumeFile(id=document["_id"], data=data, created_at=document["created_at"])
            self._database[FILES].insert_one(file.to_mongo().to_dict(), session=session)

    def _charge(self, new_job: NewJob, session: ClientSession) -> None:
        try:
            self._database[QUOTAS].update_one(
                {"_id": f"{new_job.user_id}:{new_job.day}", "used": {"$lt": new_job.daily_limit}},
                {"$inc": {"used": 1}, "$setOnInsert": {"created_at": datetime.now(UTC)}},
                upsert=True,
                session=session,
            )
        except DuplicateKeyError:
            # The day's document exists and did not match: it is full.
            raise DailyLimitReached from None

    def _unfinished_job_of(self, user_id: str) -> str | None:
        with store_errors():
            job = self._database[JOBS].find_one(
                {"user_id": ObjectId(user_id), "status": {"$in": UNFINISHED}}, {"_id": 1}
            )
        return str(job["_id"]) if job else None


class _InFlightError(Exception):
    """The unique index on unfinished jobs per user refused the insert."""
