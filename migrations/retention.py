"""How long the audit trail is kept: TTL indexes that follow the settings, at each release.

Not a migration: a setting may change at any time, and a script never does.
"""

from datetime import timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

_NAME = "retention"
_ENDED = {"status": {"$in": ["completed", "failed"]}}


def keep_for(
    db: Database[dict[str, Any]], *, jobs: timedelta | None, events: timedelta | None
) -> None:
    """Let MongoDB drop ended jobs and events when they are older; None: they are kept for good."""
    _keep_for(db, "resume_parse_jobs", "updated_at", jobs, partialFilterExpression=_ENDED)
    _keep_for(db, "job_events", "at", events)


def _keep_for(
    db: Database[dict[str, Any]], name: str, field: str, time: timedelta | None, **options: Any
) -> None:
    present = db[name].index_information().get(_NAME)
    seconds = None if time is None else int(time.total_seconds())
    if (present or {}).get("expireAfterSeconds") == seconds:
        return
    if present is None:
        db[name].create_index(
            [(field, ASCENDING)], name=_NAME, expireAfterSeconds=seconds, **options
        )
    elif seconds is None:
        db[name].drop_index(_NAME)
    else:
        db.command("collMod", name, index={"name": _NAME, "expireAfterSeconds": seconds})
