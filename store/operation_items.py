"""What became of each job of an operation: one document a job, and the operation's counts.

`_id` is "<operation>:<job>", so a job is in an operation once. An item waits until it is noted as
done or refused; whoever comes second changes nothing, and nothing is counted twice.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.operating import OperationItem, Refusal
from store.connection import Document

OPERATIONS = "operations"
ITEMS = "operation_items"

WAITING, DONE, REFUSED = "waiting", "done", "refused"


def note_outcomes(
    database: Database[Document],
    session: ClientSession,
    operation_id: str,
    outcomes: Mapping[str, Refusal | None],
) -> int:
    """Note what became of jobs (None: done) and count it; return how many were not noted yet."""
    counts: dict[str, int] = {}
    for refusal in set(outcomes.values()):
        job_ids = [job_id for job_id, outcome in outcomes.items() if outcome is refusal]
        changed = _note(database, session, operation_id, job_ids, refusal)
        kinds = ["done"] if refusal is None else ["refused", f"refusals.{refusal}"]
        for kind in kinds if changed else []:
            counts[kind] = counts.get(kind, 0) + changed
    if counts:
        database[OPERATIONS].update_one(
            {"_id": ObjectId(operation_id)}, {"$inc": counts}, session=session
        )
    return counts.get("done", 0) + counts.get("refused", 0)


def _note(
    database: Database[Document],
    session: ClientSession,
    operation_id: str,
    job_ids: Collection[str],
    refusal: Refusal | None,
) -> int:
    ids = [item_id(operation_id, job_id) for job_id in job_ids]
    outcome = {
        "outcome": DONE if refusal is None else REFUSED,
        "refusal": str(refusal or ""),
        "at": datetime.now(UTC),
    }
    noted = database[ITEMS].update_many(
        {"_id": {"$in": ids}, "outcome": WAITING}, {"$set": outcome}, session=session
    )
    return noted.modified_count


def item_id(operation_id: str, job_id: str) -> str:
    """Return the `_id` of the item."""
    return f"{operation_id}:{job_id}"


def item_from_document(document: Document) -> OperationItem:
    """Return the core's view of an item that was dealt with."""
    return OperationItem(
        job_id=str(document["job_id"]),
        file_name=document["file_name"],
        user_id=str(document["user_id"]),
        refusal=document["refusal"],
        at=document["at"],
    )
