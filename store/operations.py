"""Operations as documents: made, looked at, stopped. What they go through: `operation_runs.py`.

`due_at` says when something is to happen with one; one that has ended has none. Times that decide
anything are the server's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.job import is_object_id
from resumes.job_filter import CursorError, JobFilter
from resumes.operating import (
    NewOperation,
    Operation,
    OperationItem,
    OperationKind,
    OperationStatus,
)
from store.audit import append
from store.connection import Document, store_errors
from store.error_messages import messages_saying
from store.job_queries import query
from store.operation_items import DONE, ITEMS, OPERATIONS, REFUSED, item_from_document
from store.transitions import JOBS, in_transaction

_BEGINS = [str(OperationStatus.QUEUED), str(OperationStatus.RUNNING)]
IS_HELD = {"$gt": ["$lease_until", "$$NOW"]}


class MongoOperations:
    """One per process; safe for concurrent calls. Each method may raise StoreUnavailableError."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def add(self, new: NewOperation, request_id: str) -> tuple[Operation, bool]:
        """Make an operation of the jobs that match now; (the first one, False) for a repetition."""
        token = f"{new.operator}:{request_id}" if request_id else None
        if token and (first := self._find({"request_id": token})):
            return first, False
        document = self._document(new, token)

        def work(session: ClientSession) -> None:
            self._database[OPERATIONS].insert_one(document, session=session)
            _audit(self._database, session, new.operator, document, "started")

        try:
            in_transaction(self._database, work)
        except DuplicateKeyError:
            first = self._find({"request_id": token})
            if first is None:
                raise
            return first, False
        return operation_from_document(document), True

    def get(self, operation_id: str) -> Operation | None:
        """Return an operation."""
        return self._find({"_id": ObjectId(operation_id)}) if is_object_id(operation_id) else None

    def recent(self, limit: int) -> list[Operation]:
        """Return the latest ones, the newest first."""
        with store_errors():
            found = self._database[OPERATIONS].find().sort("created_at", DESCENDING).limit(limit)
            return [operation_from_document(document) for document in found]

    def stop(self, operation_id: str, operator: str) -> Operation | None:
        """Let it go through no more jobs: at once, or once whoever runs it has looked."""
        if not is_object_id(operation_id):
            return None
        key = ObjectId(operation_id)

        def if_held(held: object, free: object) -> Document:
            return {"$cond": [IS_HELD, held, free]}

        changes = {
            "status": if_held(str(OperationStatus.STOPPING), str(OperationStatus.STOPPED)),
            "ended_at": if_held("$ended_at", "$$NOW"),
            "due_at": if_held("$due_at", "$$REMOVE"),
            "waits_for": "",
        }

        def work(session: ClientSession) -> None:
            stopped = self._database[OPERATIONS].find_one_and_update(
                {"_id": key, "status": {"$in": _BEGINS}},
                [{"$set": changes}],
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if stopped is not None:
                _audit(self._database, session, operator, stopped, "stopped")

        in_transaction(self._database, work)
        return self.get(operation_id)

    def items(
        self, operation_id: str, *, only_refused: bool, cursor: str | None, limit: int
    ) -> tuple[list[OperationItem], str | None]:
        """Return what became of some of its jobs, the newest first, and where the next begin."""
        if cursor is not None and not is_object_id(cursor):
            raise CursorError
        if not is_object_id(operation_id):
            return [], None
        wanted = {
            "operation_id": ObjectId(operation_id),
            "outcome": {"$in": [REFUSED] if only_refused else [DONE, REFUSED]},
            **({"job_id": {"$lt": ObjectId(cursor)}} if cursor else {}),
        }
        with store_errors():
            found = list(
                self._database[ITEMS].find(wanted).sort("job_id", DESCENDING).limit(limit + 1)
            )
        page = [item_from_document(document) for document in found[:limit]]
        return page, page[-1].job_id if len(found) > limit else None

    def _find(self, wanted: Document) -> Operation | None:
        with store_errors():
            document = self._database[OPERATIONS].find_one(wanted)
        return operation_from_document(document) if document else None

    def _document(self, new: NewOperation, token: str | None) -> Document:
        with store_errors():
            now = server_now(self._database)
            found = matching(self._database, new.wanted, now)
            most: dict[str, Any] = {"limit": new.max_count} if new.max_count else {}
            total = self._database[JOBS].count_documents(
                found["filter"], hint=found["hint"], **most
            )
        return {
            "_id": ObjectId(),
            "kind": str(new.kind),
            "filter": new.wanted.to_values(),
            "operator": new.operator,
            "reason": new.reason,
            "is_dry_run": new.is_dry_run,
            "per_second": new.per_second,
            "max_count": new.max_count,
            "after_dry_run": new.after_dry_run,
            **({"request_id": token} if token else {}),
            "status": str(OperationStatus.QUEUED),
            "created_at": now,
            "due_at": now,
            "turn": 0,
            "is_listed": False,
            "total": total,
            "done": 0,
            "refused": 0,
            "refusals": {},
            "waits_for": "",
        }


def matching(database: Database[Document], wanted: JobFilter, at: datetime) -> dict[str, Any]:
    """Return the filter and index hint for the jobs that match and have not changed since `at`."""
    found = query(wanted, None, at, messages_saying(database[JOBS], wanted))
    unchanged = {"updated_at": {"$lte": at}}
    return {"filter": {"$and": [found["filter"], unchanged]}, "hint": found["hint"]}


def server_now(database: Database[Document]) -> datetime:
    """Return the server's time: ours may be wrong."""
    now: datetime = database.command("hello")["localTime"]
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def audit_end(
    database: Database[Document], session: ClientSession, document: Mapping[str, Any]
) -> None:
    """Note how an operation ended, in the name of whoever started it."""
    _audit(database, session, document["operator"], document, "ended")


def _audit(
    database: Database[Document],
    session: ClientSession,
    operator: str,
    document: Mapping[str, Any],
    what: str,
) -> None:
    if document["is_dry_run"]:
        return
    counts = ("total",) if what == "started" else ("total", "done", "refused", "refusals")
    append(
        database,
        session,
        operator,
        f"operation.{document['kind']}.{what}",
        JobFilter.from_values(document["filter"]).in_words(),
        document["reason"],
        operation_id=str(document["_id"]),
        filter=document["filter"],
        **{name: document[name] for name in counts},
    )


def operation_from_document(document: Mapping[str, Any]) -> Operation:
    """Return the core's view of an operation."""
    return Operation(
        id=str(document["_id"]),
        asked=NewOperation(
            kind=OperationKind(document["kind"]),
            wanted=JobFilter.from_values(document["filter"]),
            operator=document["operator"],
            reason=document["reason"],
            is_dry_run=document["is_dry_run"],
            per_second=document["per_second"],
            max_count=document["max_count"],
            after_dry_run=document["after_dry_run"],
        ),
        status=OperationStatus(document["status"]),
        created_at=document["created_at"],
        total=document["total"],
        done=document["done"],
        refused=document["refused"],
        refusals=document["refusals"],
        started_at=document.get("started_at"),
        ended_at=document.get("ended_at"),
        waits_for=document["waits_for"],
    )
