"""Let operators find a text in the errors of jobs by the few messages that there are.

The index tells which messages a code has by jumping from one to the next, whatever their number of
jobs, and then walks the jobs of those that say the text, newest first. `newest_with_error` stays
for where there are too many messages.
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

name = "0008_pre_error_messages"
dependencies = ["0007_pre_corrections"]

_JOBS = "resume_parse_jobs"
_NEWEST_BY_MESSAGE = IndexModel(
    [
        ("error_code", ASCENDING),
        ("error_message", ASCENDING),
        ("status", ASCENDING),
        ("created_at", DESCENDING),
        ("_id", DESCENDING),
        ("discarded_at", ASCENDING),
        ("next_retry_at", ASCENDING),
        ("attempt", ASCENDING),
    ],
    name="newest_by_message",
    partialFilterExpression={"error_code": {"$gt": ""}},
)


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    db[_JOBS].create_indexes([_NEWEST_BY_MESSAGE])


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the index."""
    if "newest_by_message" in db[_JOBS].index_information():
        db[_JOBS].drop_index("newest_by_message")
