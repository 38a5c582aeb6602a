"""Keep the versions of resumes that users correct, and figures of what they correct."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

name = "0007_pre_corrections"
dependencies = ["0006_pre_operators"]

_VERSIONS, _ACCURACY = "resume_versions", "field_accuracy"
_VERSION = {
    "resume_id": {"bsonType": "objectId"},
    "user_id": {"bsonType": "objectId"},
    "version": {"bsonType": ["int", "long"], "minimum": 1},
    "resume_detail": {"bsonType": "object"},
    "made_by": {"enum": ["parser", "user"]},
    "at": {"bsonType": "date"},
}
_VALIDATOR = {
    "$jsonSchema": {"bsonType": "object", "required": list(_VERSION), "properties": _VERSION}
}
_BY_RESUME = IndexModel(
    [("resume_id", ASCENDING), ("version", ASCENDING)], name="by_resume", unique=True
)


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    for collection in {_VERSIONS, _ACCURACY} - set(db.list_collection_names()):
        db.create_collection(collection)
    db.command("collMod", _VERSIONS, validator=_VALIDATOR)
    db[_VERSIONS].create_indexes([_BY_RESUME])


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the versions and the figures."""
    db.drop_collection(_VERSIONS)
    db.drop_collection(_ACCURACY)
