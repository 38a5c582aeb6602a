"""Run pymongo-migrate's scripts, one runner at a time."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo_migrate.mongo_migrate import MongoMigrate

VERSIONS = Path(__file__).parent / "versions"

_LOCK_COLLECTION = "migration_lock"
#: A runner that died leaves its lock; longer than any one script may take.
_LOCK_LEASE_MS = 10 * 60 * 1000
_LOCK_WAIT_S = 0.2


class LockedError(Exception):
    """Another runner has held the lock for the whole wait."""


class Migrations:
    """The scripts against one database."""

    def __init__(self, client: MongoClient[dict[str, Any]], database_name: str) -> None:
        self._database = client[database_name]
        self._engine = MongoMigrate(
            client=client, database=database_name, migrations_dir=str(VERSIONS)
        )

    def names(self) -> list[str]:
        """Return all scripts in their order."""
        return [migration.name for migration in self._engine.get_migrations()]

    def applied(self) -> list[str]:
        """Return the names of the scripts that have been applied, in their order."""
        migrations = self._engine.get_migrations()
        return [m.name for m in migrations if self._engine.get_state(m).applied]

    def upgrade(self, to: str | None = None, *, wait_s: float = 60) -> None:
        """Apply what is missing, up to and including `to`."""
        with _lock(self._database, wait_s):
            self._engine.upgrade(to)

    def downgrade(self, to: str | None = None, *, wait_s: float = 60) -> None:
        """Undo down to, but not including, `to`; all of it without one."""
        with _lock(self._database, wait_s):
            self._engine.downgrade(to)


@contextmanager
def _lock(database: Database[dict[str, Any]], wait_s: float) -> Iterator[None]:
    """Hold the lock document; two release phases may run at once, and the second then waits."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{time.monotonic_ns()}"
    _until(lambda: _take(database, owner), wait_s)
    try:
        yield
    finally:
        database[_LOCK_COLLECTION].delete_one({"_id": "migrations", "owner": owner})


def _take(database: Database[dict[str, Any]], owner: str) -> bool:
    locks = database[_LOCK_COLLECTION]
    with suppress(DuplicateKeyError):
        locks.insert_one({"_id": "migrations", "until": datetime.fromtimestamp(0, UTC)})
    taken = locks.update_one(
        {"_id": "migrations", "$expr": {"$lte": ["$until", "$$NOW"]}},
        [{"$set": {"owner": owner, "until": {"$add": ["$$NOW", _LOCK_LEASE_MS]}}}],
    )
    return taken.matched_count == 1


def _until(attempt: Callable[[], bool], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not attempt():
        if time.monotonic() >= deadline:
            raise LockedError(
                f"another runner has held the migration lock for {wait_s:.0f} s; if none is "
                f"running, it gives way after {_LOCK_LEASE_MS // 60000} minutes"
            )
        time.sleep(_LOCK_WAIT_S)
