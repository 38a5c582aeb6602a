"""Make room for operators' operations, what became of each job in them, and the audit log."""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

name = "0005_pre_operations"
dependencies = ["0004_pre_statistics"]

_ITEM_TIME_S = 90 * 24 * 3600
#: As long as Kafka keeps the letters themselves.
_LETTER_TIME_S = 30 * 24 * 3600
_ENTRY = {
    "at": {"bsonType": "date"},
    # Empty: nobody who is known, as when signing in is refused.
    "operator": {"bsonType": "string"},
    "action": {"bsonType": "string", "minLength": 1},
    "target": {"bsonType": "string"},
}
_INDEXES: dict[str, list[IndexModel]] = {
    "operations": [
        IndexModel([("created_at", DESCENDING)], name="newest"),
        IndexModel([("due_at", ASCENDING)], name="due", sparse=True),
        # Twice the same request is one operation.
        IndexModel([("request_id", ASCENDING)], name="request", unique=True, sparse=True),
    ],
    "operation_items": [
        IndexModel(
            [("operation_id", ASCENDING), ("outcome", ASCENDING), ("job_id", ASCENDING)],
            name="by_outcome",
        ),
        IndexModel([("operation_id", ASCENDING), ("user_id", ASCENDING)], name="by_user"),
        IndexModel([("at", ASCENDING)], name="expire", expireAfterSeconds=_ITEM_TIME_S),
    ],
    "closed_letters": [
        IndexModel([("at", ASCENDING)], name="expire", expireAfterSeconds=_LETTER_TIME_S)
    ],
    "operator_audit": [],
}


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    present = set(db.list_collection_names())
    for collection, indexes in _INDEXES.items():
        if collection not in present:
            db.create_collection(collection)
        if indexes:
            db[collection].create_indexes(indexes)
    schema = {"bsonType": "object", "required": list(_ENTRY), "properties": _ENTRY}
    db.command("collMod", "operator_audit", validator={"$jsonSchema": schema})


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop them; what was done to the jobs stays in their events."""
    for collection in _INDEXES:
        db.drop_collection(collection)
