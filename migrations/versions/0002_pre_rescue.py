"""Let lost jobs be found, expired files be dropped, and the parser's circuit breaker be shared."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

name = "0002_pre_rescue"
dependencies = ["0001_pre_jobs"]

_JOBS, _FILES, _BREAKERS = "resume_parse_jobs", "resume_files", "circuit_breakers"
_DUE = IndexModel([("due_at", ASCENDING)], name="due", sparse=True)
_FILE_EXPIRES = IndexModel([("file_expires_at", ASCENDING)], name="file_expires", sparse=True)
_EXPIRE = IndexModel([("expires_at", ASCENDING)], name="expire", expireAfterSeconds=0)


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    if _BREAKERS not in db.list_collection_names():
        db.create_collection(_BREAKERS)
    db[_JOBS].create_indexes([_DUE, _FILE_EXPIRES])
    db[_FILES].create_indexes([_EXPIRE])
    # Jobs of the release before: due since they last changed.
    db[_JOBS].update_many(
        {"status": {"$in": ["pending", "processing"]}, "due_at": {"$exists": False}},
        [{"$set": {"due_at": "$updated_at"}}],
    )


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the indexes and the breaker's state."""
    for collection, names in ((_JOBS, ("due", "file_expires")), (_FILES, ("expire",))):
        present = db[collection].index_information()
        for index in set(names) & set(present):
            db[collection].drop_index(index)
    db[_JOBS].update_many({"due_at": {"$exists": True}}, {"$unset": {"due_at": ""}})
    db.drop_collection(_BREAKERS)
