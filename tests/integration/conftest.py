"""A migrated database with one user in it."""

from typing import Any

import pytest
from pymongo.database import Database

from migrations.runner import Migrations


@pytest.fixture
def migrated(database: Database[Any]) -> Database[Any]:
    Migrations(database.client, database.name).upgrade()
    return database


@pytest.fixture
def user_id(migrated: Database[Any]) -> str:
    return str(migrated["user"].insert_one({"resume": None}).inserted_id)
