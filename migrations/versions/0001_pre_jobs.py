"""Create the collections of the upload's way, their validators, and an index for every query."""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

name = "0001_pre_jobs"
dependencies: list[str] = []

_STATUS = {"enum": ["pending", "processing", "completed", "failed"]}
_DAY_S = 24 * 3600


def _object(required: dict[str, Any]) -> dict[str, Any]:
    return {
        "$jsonSchema": {"bsonType": "object", "required": list(required), "properties": required}
    }


_COLLECTIONS: dict[str, tuple[dict[str, Any], list[IndexModel]]] = {
    "resume_parse_jobs": (
        _object(
            {
                "user_id": {"bsonType": "objectId"},
                "file_name": {"bsonType": "string"},
                "status": _STATUS,
                "rev": {"bsonType": ["int", "long"], "minimum": 1},
                "attempt": {"bsonType": ["int", "long"], "minimum": 0},
                "created_at": {"bsonType": "date"},
                "updated_at": {"bsonType": "date"},
            }
        ),
        [
            # The rule "one upload in flight per user", held under races.
            IndexModel(
                [("user_id", ASCENDING)],
                name="one_unfinished_per_user",
                unique=True,
                partialFilterExpression={"status": {"$in": ["pending", "processing"]}},
            ),
            # The snapshot for a user who connects.
            IndexModel([("user_id", ASCENDING), ("created_at", DESCENDING)], name="by_user"),
        ],
    ),
    "job_events": (
        _object(
            {
                "job_id": {"bsonType": "objectId"},
                "user_id": {"bsonType": "objectId"},
                "to": _STATUS,
                "rev": {"bsonType": ["int", "long"], "minimum": 1},
                "at": {"bsonType": "date"},
            }
        ),
        [
            # Each transition once; also finds a job's history in its order.
            IndexModel(
                [("job_id", ASCENDING), ("rev", ASCENDING)], name="by_job_and_rev", unique=True
            ),
        ],
    ),
    "resume_files": (_object({"data": {"bsonType": "binData"}}), []),
    "upload_quotas": (
        _object({"used": {"bsonType": ["int", "long"], "minimum": 0}}),
        [IndexModel([("created_at", ASCENDING)], name="expire", expireAfterSeconds=3 * _DAY_S)],
    ),
    "idempotency_keys": (
        _object({"job_id": {"bsonType": "objectId"}, "sha256": {"bsonType": "string"}}),
        [IndexModel([("created_at", ASCENDING)], name="expire", expireAfterSeconds=_DAY_S)],
    ),
    "ws_tickets": (
        {},
        [IndexModel([("expires_at", ASCENDING)], name="expire", expireAfterSeconds=0)],
    ),
}


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    present = set(db.list_collection_names())
    for collection, (validator, indexes) in _COLLECTIONS.items():
        if collection not in present:
            db.create_collection(collection)
        db.command("collMod", collection, validator=validator)
        if indexes:
            db[collection].create_indexes(indexes)
    if "user" not in present:
        # The customer's other services own this collection; it must exist for transactions.
        db.create_collection("user")


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop our collections; the users stay, they are not ours."""
    for collection in _COLLECTIONS:
        db.drop_collection(collection)
