"""Let operators list jobs, newest first, by any condition; each list walks one index in its order.

What follows an index's order is there for conditions that keys alone can answer. Most indexes are
partial: a job that goes well is in the first three of them only.
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

name = "0003_pre_job_lists"
dependencies = ["0002_pre_rescue"]

_JOBS = "resume_parse_jobs"
_NEWEST = [("created_at", DESCENDING), ("_id", DESCENDING)]
_STATE = [("status", ASCENDING), ("discarded_at", ASCENDING)]
_ATTEMPT = ("attempt", ASCENDING)
_CODE = ("error_code", ASCENDING)
_SINCE = ("updated_at", ASCENDING)
_RETRY_AT = ("next_retry_at", ASCENDING)
_HAS_ERROR = {"error_code": {"$gt": ""}}
_INDEXES = [
    IndexModel(_NEWEST, name="newest"),
    IndexModel([("user_id", ASCENDING), *_NEWEST], name="newest_by_user"),
    IndexModel(
        [("status", ASCENDING), *_NEWEST, ("discarded_at", ASCENDING), _RETRY_AT],
        name="newest_by_status",
    ),
    IndexModel(
        [_CODE, *_NEWEST, *_STATE, _ATTEMPT],
        name="newest_by_error",
        partialFilterExpression=_HAS_ERROR,
    ),
    # To be searched for a part of the message.
    IndexModel(
        [*_NEWEST, _CODE, *_STATE, _ATTEMPT, ("error_message", ASCENDING)],
        name="newest_with_error",
        partialFilterExpression=_HAS_ERROR,
    ),
    IndexModel(
        [*_NEWEST, _ATTEMPT, *_STATE],
        name="newest_retried",
        partialFilterExpression={"attempt": {"$gte": 2}},
    ),
    # The first and the last failure of each kind.
    IndexModel(
        [_CODE, ("discarded_at", ASCENDING), _SINCE],
        name="failures",
        partialFilterExpression={"status": "failed"},
    ),
    # Who waits longest.
    IndexModel(
        [_SINCE, _RETRY_AT], name="pending_since", partialFilterExpression={"status": "pending"}
    ),
]
#: Its place is taken by `newest_by_user`.
_BY_USER = IndexModel([("user_id", ASCENDING), ("created_at", DESCENDING)], name="by_user")


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    jobs = db[_JOBS]
    jobs.create_indexes(_INDEXES)
    _drop(db, {"by_user"})
    jobs.update_many(
        {"status": "pending", "next_retry_at": {"$exists": True}},
        {"$set": {"is_retrying": True}},
    )


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the indexes; what the jobs themselves have got by now does no harm."""
    db[_JOBS].create_indexes([_BY_USER])
    _drop(db, {index.document["name"] for index in _INDEXES})


def _drop(db: Database[dict[str, Any]], names: set[str]) -> None:
    for index in names & set(db[_JOBS].index_information()):
        db[_JOBS].drop_index(index)
