"""Make room for the kept figures; the rescuer fills it. A minute is kept for 90 days."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

name = "0004_pre_statistics"
dependencies = ["0003_pre_job_lists"]

_TOTALS, _MINUTES = "job_totals", "job_minutes"
_EXPIRE = IndexModel([("at", ASCENDING)], name="expire", expireAfterSeconds=90 * 24 * 3600)


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    for collection in {_TOTALS, _MINUTES} - set(db.list_collection_names()):
        db.create_collection(collection)
    db[_MINUTES].create_indexes([_EXPIRE])


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the figures; they are counted anew after the next upgrade."""
    for collection in (_TOTALS, _MINUTES):
        db.drop_collection(collection)
