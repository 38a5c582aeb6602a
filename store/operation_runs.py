"""Operations as they are run: who has one, its jobs, its turns. The core's RunStore on MongoDB.

A lease makes one process run an operation at a time; its holder's token is on every write. The jobs
are noted first, as items that wait: it goes through these, whatever changes meanwhile.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.job import is_object_id
from resumes.operating import OperationStatus, Refusal
from resumes.operation_ports import Busy, Held, OperationLostError, Turn
from resumes.upkeep import OverdueOperation
from store.connection import Document, store_errors
from store.operation_items import DONE, ITEMS, OPERATIONS, WAITING, item_id, note_outcomes
from store.operations import (
    IS_HELD,
    audit_end,
    matching,
    operation_from_document,
    server_now,
)
from store.transitions import JOBS, from_now, in_transaction

#: Longer than a slice, which renews it every second.
_LEASE_S = 15.0
#: Items are noted so many at a time, so that a stop is seen in between.
_LISTED_AT_A_TIME = 20_000
_UNFINISHED = [str(status) for status in OperationStatus if not status.has_ended]


class MongoOperationRuns:
    """One per process; safe for concurrent calls. Each method may raise StoreUnavailableError."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._operations = database[OPERATIONS]

    def take(self, operation_id: str, turn: int) -> Held | Busy | None:
        """Take the operation; None when the record has nothing to do."""
        if not is_object_id(operation_id):
            return None
        wanted = {"_id": ObjectId(operation_id), "turn": turn, "status": {"$in": _UNFINISHED}}
        is_stopping = {"$eq": ["$status", str(OperationStatus.STOPPING)]}
        changes = {
            "status": {"$cond": [is_stopping, "$status", str(OperationStatus.RUNNING)]},
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "holder": secrets.token_hex(8),
            **_lease(),
        }
        with store_errors():
            taken = self._operations.find_one_and_update(
                {**wanted, "$expr": {"$not": [IS_HELD]}},
                [{"$set": changes}],
                return_document=ReturnDocument.AFTER,
            )
            if taken is not None:
                return _held(taken)
            left = {"left_ms": {"$subtract": ["$lease_until", "$$NOW"]}}
            found = self._operations.find_one(wanted, left)
        # A record of another turn came twice; of this turn, its first reader may have died.
        return Busy(max(0, found.get("left_ms") or 0) / 1000) if found else None

    def keep(self, held: Held, *, waits_for: str) -> Held:
        """Renew the lease and return what is known now."""
        kept = self._change(held, {**_lease(), "waits_for": waits_for})
        if kept is None:
            raise OperationLostError
        return _held(kept)

    def list_jobs(self, held: Held) -> None:
        """Note some more of the jobs that match, the newest first."""
        operation = held.operation
        key, most = ObjectId(operation.id), operation.asked.max_count
        with store_errors():
            listed = self._database[ITEMS].count_documents({"operation_id": key})
            limit = min(_LISTED_AT_A_TIME, most - listed if most else _LISTED_AT_A_TIME)
            if limit > 0:
                self._list_before(self._oldest_listed(key), operation.id, held, limit)
            after = self._database[ITEMS].count_documents({"operation_id": key})
        if limit <= 0 or after - listed < limit:
            self._end_listing(held, after)

    def waiting(self, operation_id: str, limit: int) -> list[str]:
        """Return jobs that were not dealt with, the newest first."""
        wanted = {"operation_id": ObjectId(operation_id), "outcome": WAITING}
        with store_errors():
            found = self._database[ITEMS].find(wanted, {"job_id": 1})
            return [str(item["job_id"]) for item in found.sort("job_id", DESCENDING).limit(limit)]

    def users_done(self, operation_id: str, user_ids: set[str]) -> set[str]:
        """Return those of these users of whom the operation has done a job."""
        wanted = {
            "operation_id": ObjectId(operation_id),
            "user_id": {"$in": [ObjectId(user_id) for user_id in user_ids]},
            "outcome": DONE,
        }
        with store_errors():
            return {str(item["user_id"]) for item in self._database[ITEMS].find(wanted)}

    def note(self, operation_id: str, outcomes: Mapping[str, Refusal | None]) -> None:
        """Note what became of jobs (None: done); what was noted before stays."""
        in_transaction(
            self._database,
            lambda session: note_outcomes(self._database, session, operation_id, outcomes),
        )

    def release(self, held: Held, turn: Turn, *, waits_for: str) -> None:
        """Let go until the record of that turn comes; nothing to do once it is lost."""
        gone = dict.fromkeys(("holder", "lease_until"), "$$REMOVE")
        due_at = from_now(turn.delay_s)
        self._change(held, {**gone, "turn": turn.number, "due_at": due_at, "waits_for": waits_for})

    def end(self, held: Held, status: OperationStatus) -> None:
        """End the operation, with its counts in the audit log."""
        gone = dict.fromkeys(("holder", "lease_until", "due_at"), "$$REMOVE")
        changes = {**gone, "status": str(status), "ended_at": "$$NOW", "waits_for": ""}

        def work(session: ClientSession) -> None:
            ended = self._change(held, changes, session)
            if ended is None:
                raise OperationLostError
            audit_end(self._database, session, ended)

        in_transaction(self._database, work)

    def overdue(
        self, handled_until: datetime | None, *, grace_s: float, limit: int
    ) -> list[OverdueOperation]:
        """Return operations that were due before both `handled_until` and now, by `grace_s`."""
        with store_errors():
            now = server_now(self._database)
            before = min(handled_until or now, now) - timedelta(seconds=grace_s)
            found = self._operations.find({"due_at": {"$lt": before}})
            return [
                OverdueOperation(str(one["_id"]), one["turn"], one["due_at"])
                for one in found.sort("due_at", ASCENDING).limit(limit)
            ]

    def take_overdue(self, overdue: OverdueOperation) -> bool:
        """Make it due now, by compare-and-set; False when something happened to it."""
        seen = {"_id": ObjectId(overdue.id), "turn": overdue.turn, "due_at": overdue.due_at}
        with store_errors():
            taken = self._operations.update_one(seen, [{"$set": {"due_at": "$$NOW"}}])
        return taken.matched_count == 1

    def _oldest_listed(self, key: ObjectId) -> ObjectId | None:
        of_it = {"_id": {"$gt": f"{key}:", "$lt": f"{key};"}}  # ";" comes behind ":"
        oldest = self._database[ITEMS].find_one(of_it, {"job_id": 1}, sort=[("_id", ASCENDING)])
        return oldest["job_id"] if oldest else None

    def _list_before(
        self, oldest: ObjectId | None, operation_id: str, held: Held, limit: int
    ) -> None:
        operation = held.operation
        found = matching(self._database, operation.asked.wanted, operation.created_at)
        before = [{"_id": {"$lt": oldest}}] if oldest else []
        item = {
            "_id": {"$concat": [item_id(operation_id, ""), {"$toString": "$_id"}]},
            "operation_id": {"$literal": ObjectId(operation_id)},
            **{name: f"${name}" for name in ("user_id", "file_name")},
            "job_id": "$_id",
            "outcome": {"$literal": WAITING},
            "refusal": {"$literal": ""},
            "at": "$$NOW",
        }
        # On the server: 100,000 jobs are noted in seconds, and never travel.
        self._database[JOBS].aggregate(
            [
                {"$match": {"$and": [found["filter"], *before]}},
                {"$sort": {"_id": DESCENDING}},
                {"$limit": limit},
                {"$project": item},
                {"$merge": {"into": ITEMS, "whenMatched": "keepExisting"}},
            ],
            hint=found["hint"],
        )

    def _end_listing(self, held: Held, listed: int) -> None:
        total = max(held.operation.total, listed)
        # Those that changed between the count and now were not listed any more.
        gone = total - listed
        lost = {"refused": {"$add": ["$refused", gone]}, f"refusals.{Refusal.CHANGED}": gone}
        self._change(held, {"is_listed": True, "total": total, **(lost if gone else {})})

    def _change(
        self, held: Held, changes: Document, session: ClientSession | None = None
    ) -> dict[str, Any] | None:
        mine = {"_id": ObjectId(held.operation.id), "holder": held.token}
        with store_errors():
            return self._operations.find_one_and_update(
                mine,
                [{"$set": changes}],
                return_document=ReturnDocument.AFTER,
                session=session,
            )


def _lease() -> Document:
    return {"lease_until": from_now(_LEASE_S), "due_at": from_now(_LEASE_S)}


def _held(document: Document) -> Held:
    return Held(
        operation=operation_from_document(document),
        turn=document["turn"],
        token=document["holder"],
        is_listed=document["is_listed"],
    )
