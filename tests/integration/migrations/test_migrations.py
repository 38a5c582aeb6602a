"""Guards the release phase: up, down and up again, and two runners at once. Real MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import WriteError

from migrations.runner import LockedError, Migrations


def shape(database: Database[Any]) -> dict[str, Any]:
    return {
        name: database[name].index_information()
        for name in sorted(database.list_collection_names())
        if not name.startswith(("migration_lock", "pymongo_migrate", "system."))
    }


def test_each_migration_goes_up_down_and_up_again(database: Database[Any]) -> None:
    migrations = Migrations(database.client, database.name)
    for name in migrations.names():
        migrations.upgrade(name)
    upgraded = shape(database)
    assert migrations.applied() == migrations.names()
    migrations.downgrade()
    assert migrations.applied() == []
    assert list(shape(database)) == ["user"]  # the customer's, not ours to drop
    migrations.upgrade()
    assert shape(database) == upgraded


def test_two_runners_at_once_do_no_harm(database: Database[Any]) -> None:
    def run(_: int) -> None:
        Migrations(database.client, database.name).upgrade()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    migrations = Migrations(database.client, database.name)
    assert migrations.applied() == migrations.names()
    assert database["migration_lock"].count_documents({}) == 0


def test_a_held_lock_is_waited_for_and_then_named(database: Database[Any]) -> None:
    database["migration_lock"].insert_one({"_id": "migrations", "owner": "x"})
    database["migration_lock"].update_one({}, [{"$set": {"until": {"$add": ["$$NOW", 60_000]}}}])
    with pytest.raises(LockedError, match="migration lock"):
        Migrations(database.client, database.name).upgrade(wait_s=0.3)


def test_a_dead_runners_lock_gives_way(database: Database[Any]) -> None:
    database["migration_lock"].insert_one({"_id": "migrations", "owner": "x"})
    database["migration_lock"].update_one({}, [{"$set": {"until": "$$NOW"}}])
    Migrations(database.client, database.name).upgrade(wait_s=0.3)


def test_the_validator_refuses_a_status_that_does_not_exist(database: Database[Any]) -> None:
    Migrations(database.client, database.name).upgrade()
    with pytest.raises(WriteError, match="validation"):
        database["job_events"].insert_one({"to": "sleeping"})
