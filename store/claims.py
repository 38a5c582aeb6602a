"""Who may run a job: claims by compare-and-set, their leases, and why a claim missed.

The claim's `attempt` fences: whoever holds an older one can change nothing.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.job import Claim, JobStatus
from resumes.ports import Busy, ClaimMiss, JobRecord, NotDue, Unlettered
from store.connection import Document, store_errors
from store.failing import LETTER_DUE, LETTER_TIME_S
from store.transitions import JOBS, from_now, in_transaction, transition

#: Attempts that count; one that a closed-off parser cut short does not.
_COUNTED = {"$subtract": ["$attempt", {"$ifNull": ["$forgiven", 0]}]}
_HAS_ATTEMPTS_LEFT = {"$lt": [_COUNTED, "$max_attempts"]}
_LEASE_HAS_EXPIRED = {"$lte": ["$lease_until", "$$NOW"]}
#: A job without a time is due. (A missing field compares as less than any time.)
_IS_DUE = {"$lte": ["$next_retry_at", "$$NOW"]}
_LETTER_IS_DUE = {"$lte": ["$due_at", "$$NOW"]}

#: Its last attempt died, and there is none left.
IS_EXHAUSTED = {"$and": [_LEASE_HAS_EXPIRED, {"$not": [_HAS_ATTEMPTS_LEFT]}]}


class MongoClaims:
    """One per worker process; safe for concurrent calls."""

    def __init__(self, database: Database[Document], *, lease: timedelta) -> None:
        self._database = database
        self._lease_end = from_now(lease.total_seconds())

    def claim(
        self, job_id: str, worker: str, record: JobRecord | None = None
    ) -> Claim | Busy | NotDue | Unlettered | ClaimMiss:
        """Take the job by compare-and-set: pending and due, or processing with an expired lease."""
        key = ObjectId(job_id)
        values = {"worker": worker, "error_code": "", "error_message": "", "rescues": 0}
        if record and record.traceparent:  # a foreign record without one does not end the upload's
            values["traceparent"] = record.traceparent

        def work(session: ClientSession) -> Document | None:
            return transition(
                self._database,
                session,
                allowed={"_id": key, "$or": _claimable()},
                to=JobStatus.PROCESSING,
                values=values,
                computed={
                    "attempt": {"$add": ["$attempt", 1]},
                    "lease_until": self._lease_end,
                    "due_at": self._lease_end,
                    "next_retry_at": "$$REMOVE",
                },
                event={"place": asdict(record.place)} if record else {},
            )

        before = in_transaction(self._database, work)
        if before is None:
            return self._why_missed(key)
        return Claim(
            job_id=job_id,
            user_id=str(before["user_id"]),
            file_name=before["file_name"],
            attempt=before["attempt"] + 1,
            counted=before["attempt"] + 1 - before.get("forgiven", 0),
            max_attempts=before["max_attempts"],
            counted_before=before.get("counted_before", 0),
        )

    def postpone(self, job_id: str, delay_s: float) -> bool:
        """Let a job that nobody runs wait, without an attempt; False when there is none."""
        waits = [
            {"status": str(JobStatus.PENDING)},
            {"status": str(JobStatus.PROCESSING), "$expr": _LEASE_HAS_EXPIRED},
        ]
        until = from_now(delay_s)
        with store_errors():
            found = self._database[JOBS].update_one(
                {"_id": ObjectId(job_id), "$or": waits},
                [{"$set": {"next_retry_at": until, "due_at": until}}],
            )
        return found.matched_count == 1

    def renew(self, claims: Iterable[Claim]) -> None:
        """Extend the leases of running attempts, in one round trip; lost ones are left alone."""
        renewals = [
            UpdateOne(
                held_by(claim),
                [{"$set": {"lease_until": self._lease_end, "due_at": self._lease_end}}],
            )
            for claim in claims
        ]
        with store_errors():
            self._database[JOBS].bulk_write(renewals, ordered=False)

    def _why_missed(self, key: ObjectId) -> Busy | NotDue | Unlettered | ClaimMiss:
        looked_at = {
            **dict.fromkeys(("status", "attempt", "lease_until", "dead_letter", "updated_at"), 1),
            "error_code": 1,
            "error_message": 1,
            "wait_ms": {"$subtract": ["$due_at", "$$NOW"]},
            "is_exhausted": IS_EXHAUSTED,
        }
        with store_errors():
            job = self._database[JOBS].find_one({"_id": key}, looked_at)
        if job is None:
            return ClaimMiss.UNKNOWN
        if job.get("dead_letter") == LETTER_DUE:
            return self._take_letter(job)
        if JobStatus(job["status"]).is_terminal:
            return ClaimMiss.FINISHED
        if job["status"] == str(JobStatus.PENDING):
            return _not_due(job)
        if job["is_exhausted"]:
            return ClaimMiss.EXHAUSTED
        return Busy(job["attempt"], job.get("lease_until"))

    def _take_letter(self, job: Document) -> NotDue | Unlettered:
        """Owe the job's dead letter from now on, unless whoever failed it still does."""
        owed = {"_id": job["_id"], "dead_letter": LETTER_DUE, "$expr": _LETTER_IS_DUE}
        with store_errors():
            taken = self._database[JOBS].update_one(
                owed, [{"$set": {"due_at": from_now(LETTER_TIME_S)}}]
            )
        if not taken.matched_count:
            return _not_due(job)
        return Unlettered(job["error_code"], job["error_message"], job["updated_at"])


def _claimable() -> list[Document]:
    dead = {"$and": [_LEASE_HAS_EXPIRED, _HAS_ATTEMPTS_LEFT]}
    return [
        {"status": str(JobStatus.PENDING), "$expr": _IS_DUE},
        {"status": str(JobStatus.PROCESSING), "$expr": dead},
    ]


def _not_due(job: Document) -> NotDue:
    # Not negative: it may have become due since we tried.
    return NotDue(max(0, job["wait_ms"] or 0) / 1000)


def held_by(claim: Claim) -> Document:
    """Return the filter that only a claim which still holds its job matches."""
    return {
        "_id": ObjectId(claim.job_id),
        "status": str(JobStatus.PROCESSING),
        "attempt": claim.attempt,
    }
