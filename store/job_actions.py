"""An operator's actions on a job: the core's ActionStore on MongoDB.

Each is one transaction: what decides is read, the job moves by compare-and-set, its event says who
did it, and the operation's item or the audit log notes it. That a user has one job in flight is
held by the unique index, as for uploads.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.cancel import CANCELLED
from resumes.eligibility import JobFacts, refusal_of
from resumes.job import Job, JobStatus, is_object_id
from resumes.operating import OperationKind, Refusal
from resumes.operation_ports import Doing
from store.audit import append
from store.closed_letters import close_letter
from store.connection import Document, store_errors
from store.operation_items import note_outcomes
from store.reads import UNFINISHED, job_from_document
from store.transitions import FILES, JOBS, USERS, in_transaction, transition

_FACTS = {
    "user_id": 1,
    "status": 1,
    "discarded_at": 1,
    "error_code": 1,
    "is_waiting": {"$and": [{"$eq": ["$status", "pending"]}, {"$gt": ["$next_retry_at", "$$NOW"]}]},
    "has_bytes": {"$eq": [{"$type": "$file_data"}, "binData"]},
}
_COUNTED = {"$subtract": ["$attempt", {"$ifNull": ["$forgiven", 0]}]}


class MongoJobActions:
    """One per process; safe for concurrent calls.

    `max_attempts`: how many attempts a replayed job has from then on.
    """

    def __init__(self, database: Database[Document], *, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    def facts(self, job_ids: list[str]) -> dict[str, JobFacts]:
        """Return what decides over these jobs; unknown ones are left out."""
        with store_errors():
            return self._facts([ObjectId(job_id) for job_id in job_ids], None)

    def known(self, job_ids: Collection[str]) -> set[str]:
        """Return those that are jobs of ours."""
        keys = [ObjectId(job_id) for job_id in job_ids]
        with store_errors():
            found = self._database[JOBS].find({"_id": {"$in": keys}}, {"_id": 1})
            return {str(job["_id"]) for job in found}

    def act(self, kind: OperationKind, job_id: str, doing: Doing) -> Job | Refusal | None:
        """Do it, and return the job as it was; None when the operation had dealt with it before."""
        if not is_object_id(job_id):
            return Refusal.UNKNOWN_JOB

        def work(session: ClientSession) -> Document | Refusal:
            done = self._do(kind, job_id, doing, session)
            self._note(kind, job_id, doing, done, session)
            return done

        try:
            done = in_transaction(self._database, work)
        except _NotedBeforeError:
            return None
        except DuplicateKeyError:
            # Only the index of unfinished jobs can say so: another one of his was faster.
            return self._refuse(kind, job_id, doing, Refusal.IN_FLIGHT)
        return done if isinstance(done, Refusal) else job_from_document(done)

    def _do(
        self, kind: OperationKind, job_id: str, doing: Doing, session: ClientSession
    ) -> Document | Refusal:
        key = ObjectId(job_id)
        refusal = refusal_of(kind, self._facts([key], session).get(job_id))
        if refusal is not None:
            return refusal
        change: Callable[[ObjectId, Doing, ClientSession], Document | None] = {
            OperationKind.REPLAY: self._replay,
            OperationKind.RETRY_NOW: self._retry_now,
            OperationKind.DISCARD: self._discard,
        }[kind]
        return change(key, doing, session) or Refusal.CHANGED

    def _refuse(
        self, kind: OperationKind, job_id: str, doing: Doing, refusal: Refusal
    ) -> Refusal | None:
        try:
            in_transaction(
                self._database, lambda session: self._note(kind, job_id, doing, refusal, session)
            )
        except _NotedBeforeError:
            return None
        return refusal

    def _note(
        self,
        kind: OperationKind,
        job_id: str,
        doing: Doing,
        done: Document | Refusal,
        session: ClientSession,
    ) -> None:
        refusal = done if isinstance(done, Refusal) else None
        if doing.operation_id:
            outcome = {job_id: refusal}
            if not note_outcomes(self._database, session, doing.operation_id, outcome):
                raise _NotedBeforeError
        elif refusal is None:
            action = f"job.{kind}"
            append(self._database, session, doing.operator, action, job_id, doing.reason)

    def _replay(self, key: ObjectId, doing: Doing, session: ClientSession) -> Document | None:
        before = transition(
            self._database,
            session,
            allowed={"_id": key, "status": "failed", "discarded_at": {"$exists": False}},
            to=JobStatus.PENDING,
            values={
                "error_code": "",
                "error_message": "",
                "rescues": 0,
                "restarted_at": datetime.now(UTC),
            },
            computed={
                # `attempt` counts on, as the fence that it is.
                "max_attempts": {"$add": [_COUNTED, self._max_attempts]},
                "counted_before": _COUNTED,
                "replays": {"$add": [{"$ifNull": ["$replays", 0]}, 1]},
                "due_at": "$$NOW",
                **dict.fromkeys(("dead_letter", "letter_id", "file_expires_at"), "$$REMOVE"),
            },
            event=self._event(key, doing, "replayed", session),
        )
        if before is not None:
            self._database[FILES].update_one(
                {"_id": key}, {"$unset": {"expires_at": ""}}, session=session
            )
            close_letter(self._database, before.get("letter_id"), session)
        return before

    def _retry_now(self, key: ObjectId, doing: Doing, session: ClientSession) -> Document | None:
        return transition(
            self._database,
            session,
            allowed={
                "_id": key,
                "status": "pending",
                "$expr": {"$gt": ["$next_retry_at", "$$NOW"]},
            },
            to=JobStatus.PENDING,
            values={"rescues": 0},
            # The record that still waits on Kafka finds the job done, or at work, or not due.
            computed={"next_retry_at": "$$REMOVE", "due_at": "$$NOW"},
            event=self._event(key, doing, "retried_now", session),
        )

    def _discard(self, key: ObjectId, doing: Doing, session: ClientSession) -> Document | None:
        gone = ("file_data", "file_expires_at", "dead_letter", "letter_id", "due_at")
        before = transition(
            self._database,
            session,
            allowed={"_id": key, "status": "failed", "discarded_at": {"$exists": False}},
            to=JobStatus.FAILED,
            values={},
            computed={"discarded_at": "$$NOW", **dict.fromkeys(gone, "$$REMOVE")},
            event=self._event(key, doing, "discarded", session),
        )
        if before is not None:
            self._database[FILES].delete_one({"_id": key}, session=session)
            close_letter(self._database, before.get("letter_id"), session)
        return before

    def _event(self, key: ObjectId, doing: Doing, reason: str, session: ClientSession) -> Document:
        # The figures take the job from the failures of its code.
        job = self._database[JOBS].find_one({"_id": key}, {"error_code": 1}, session=session) or {}
        return {
            "operator": doing.operator,
            "reason": reason,
            "operator_reason": doing.reason,
            "was_code": job.get("error_code") or "",
        }

    def _facts(self, keys: list[ObjectId], session: ClientSession | None) -> dict[str, JobFacts]:
        jobs = list(self._database[JOBS].find({"_id": {"$in": keys}}, _FACTS, session=session))
        user_ids = list({job["user_id"] for job in jobs})
        files = self._ids(FILES, {"_id": {"$in": keys}}, session)
        users = self._ids(USERS, {"_id": {"$in": user_ids}}, session)
        with_resume = {"_id": {"$in": user_ids}, "resume.0": {"$exists": True}}
        resumes = self._ids(USERS, with_resume, session)
        in_flight = {
            job["user_id"]
            for job in self._database[JOBS].find(
                {"user_id": {"$in": user_ids}, "status": {"$in": UNFINISHED}},
                {"user_id": 1},
                session=session,
            )
        }
        return {
            str(job["_id"]): JobFacts(
                user_id=str(job["user_id"]),
                status=JobStatus(job["status"]),
                is_discarded=job.get("discarded_at") is not None,
                is_cancelled=job.get("error_code") == CANCELLED,
                is_waiting=job["is_waiting"],
                has_file=job["has_bytes"] or job["_id"] in files,
                user_exists=job["user_id"] in users,
                has_resume=job["user_id"] in resumes,
                has_job_in_flight=job["user_id"] in in_flight,
            )
            for job in jobs
        }

    def _ids(
        self, collection: str, query: Document, session: ClientSession | None
    ) -> set[ObjectId]:
        return {
            found["_id"]
            for found in self._database[collection].find(query, {"_id": 1}, session=session)
        }


class _NotedBeforeError(Exception):
    """The operation dealt with the job before: this must not be done twice."""
