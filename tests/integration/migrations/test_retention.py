"""Guards how long the audit trail is kept: as the settings say, at each release. Real MongoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from migrations.retention import keep_for
from migrations.runner import Migrations

DAY = timedelta(days=1)


@pytest.fixture
def migrated(database: Database[Any]) -> Database[Any]:
    Migrations(database.client, database.name).upgrade()
    return database


def kept_for_s(database: Database[Any], name: str) -> int | None:
    index = database[name].index_information().get("retention", {})
    seconds: int | None = index.get("expireAfterSeconds")
    return seconds


def test_it_begins_changes_and_ends_with_the_settings(migrated: Database[Any]) -> None:
    for jobs, events in ((None, None), (DAY, 2 * DAY), (3 * DAY, 2 * DAY), (None, DAY)):
        for _ in range(2):  # at each release
            keep_for(migrated, jobs=jobs, events=events)
        expected = [jobs and int(jobs.total_seconds()), events and int(events.total_seconds())]
        assert [kept_for_s(migrated, n) for n in ("resume_parse_jobs", "job_events")] == expected


def test_only_jobs_that_ended_are_dropped(migrated: Database[Any]) -> None:
    keep_for(migrated, jobs=DAY, events=None)
    index = migrated["resume_parse_jobs"].index_information()["retention"]
    assert index["partialFilterExpression"] == {"status": {"$in": ["completed", "failed"]}}
    assert index["key"] == [("updated_at", 1)]


def test_jobs_of_the_release_before_are_due(database: Database[Any]) -> None:
    migrations = Migrations(database.client, database.name)
    migrations.upgrade("0001_pre_jobs")
    updated_at = datetime(2026, 11, 24, tzinfo=UTC)
    jobs = database["resume_parse_jobs"]
    for status in ("pending", "processing", "completed", "failed"):
        jobs.insert_one(
            {
                "user_id": ObjectId(),
                "file_name": "r.pdf",
                "status": status,
                "rev": 1,
                "attempt": 0,
                "created_at": updated_at,
                "updated_at": updated_at,
            }
        )
    migrations.upgrade()
    due = {job["status"]: job.get("due_at") for job in jobs.find()}
    assert due == {
        "pending": updated_at,
        "processing": updated_at,
        "completed": None,
        "failed": None,
    }
