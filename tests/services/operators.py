"""Operators for tests: accounts in memory or in MongoDB, and an audit to look into."""

import dataclasses
import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pymongo.database import Database

from resumes.accounts import Account
from resumes.operating import Role
from store.operators import MongoOperatorStore
from webapp.operators_passwords import Passwords

#: As little work as argon2 does; the service itself renews such hashes.
CHEAP = {"memory_kib": 8, "passes": 1}


class Credentials(NamedTuple):
    """What somebody signs in with."""

    name: str
    password: str


def new_operator(database: Database[dict[str, Any]], role: Role = Role.OPERATOR) -> Credentials:
    """Make an account that nobody else uses."""
    credentials = Credentials(f"op-{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    password_hash = Passwords(**CHEAP).hash(credentials.password)
    assert MongoOperatorStore(database).create(credentials.name, role, password_hash)
    return credentials


class MemoryAudit:
    """Keeps (operator, action, target)."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []

    def note(
        self,
        operator: str,
        action: str,
        target: str,
        reason: str = "",  # noqa: ARG002  # the port's
        **_details: Any,
    ) -> None:
        self.entries.append((operator, action, target))


class MemoryAccounts:
    """Accounts as MongoOperatorStore keeps them; the same tests hold for both."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def find(self, name: str) -> Account | None:
        return self._accounts.get(name)

    def all(self) -> list[Account]:
        return [self._accounts[name] for name in sorted(self._accounts)]

    def create(self, name: str, role: Role, password_hash: str) -> bool:
        if name in self._accounts:
            return False
        self._accounts[name] = Account(name, role, password_hash, secrets.token_hex(16))
        return True

    def set_password(self, name: str, password_hash: str) -> bool:
        return self._renew(name, password_hash=password_hash, is_disabled=False, ended=frozenset())

    def set_role(self, name: str, role: Role) -> bool:
        return self._renew(name, role=role)

    def disable(self, name: str) -> bool:
        return self._renew(name, is_disabled=True)

    def end_sessions(self, name: str) -> bool:
        return self._renew(name, ended=frozenset())

    def end_session(self, name: str, token_id: str, expires_at: datetime) -> bool:
        account = self._accounts.get(name)
        if account and expires_at > datetime.now(UTC):
            ended = account.ended | {token_id}
            self._accounts[name] = dataclasses.replace(account, ended=ended)
        return account is not None

    def rehash(self, name: str, old_hash: str, new_hash: str) -> None:
        account = self._accounts[name]
        if account.password_hash == old_hash:
            self._accounts[name] = dataclasses.replace(account, password_hash=new_hash)

    def _renew(self, name: str, **changes: Any) -> bool:
        account = self._accounts.get(name)
        if account is None:
            return False
        epoch = secrets.token_hex(16)
        self._accounts[name] = dataclasses.replace(account, epoch=epoch, **changes)
        return True


class MemoryAttempts:
    """Counts as MongoSignInAttempts does, in one window without end."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, key: str, *, limit: int, window_s: float) -> float:
        self.counts[key] = self.counts.get(key, 0) + 1
        return window_s if self.counts[key] > limit else 0

    def forgive(self, key: str) -> None:
        self.counts[key] -= 1
