"""Who did what: an append-only log. What changes a job is noted in the transaction that does it."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.job import is_object_id
from resumes.job_filter import CursorError
from resumes.operating import AuditEntry
from store.connection import Document, store_errors

AUDIT = "operator_audit"


class MongoAudit:
    """One per process; safe for concurrent calls. Each method may raise StoreUnavailableError."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def note(
        self, operator: str, action: str, target: str, reason: str = "", **details: Any
    ) -> None:
        """Append an entry."""
        with store_errors():
            append(self._database, None, operator, action, target, reason, **details)

    def entries(self, *, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        """Return some entries, the newest first, and where the next ones begin."""
        if cursor is not None and not is_object_id(cursor):
            raise CursorError
        query = {"_id": {"$lt": ObjectId(cursor)}} if cursor else {}
        with store_errors():
            found = list(self._database[AUDIT].find(query).sort("_id", DESCENDING).limit(limit + 1))
        page = [_entry(document) for document in found[:limit]]
        return page, page[-1].id if len(found) > limit else None


def append(
    database: Database[Document],
    session: ClientSession | None,
    operator: str,
    action: str,
    target: str,
    reason: str,
    **details: Any,
) -> None:
    """Append an entry, in a transaction where there is one."""
    database[AUDIT].insert_one(
        {
            "at": datetime.now(UTC),
            "operator": operator,
            "action": action,
            "target": target,
            "reason": reason,
            "details": details,
        },
        session=session,
    )


def _entry(document: Document) -> AuditEntry:
    return AuditEntry(
        id=str(document["_id"]),
        at=document["at"],
        operator=document["operator"],
        action=document["action"],
        target=document["target"],
        reason=document["reason"],
        details=document["details"],
    )
