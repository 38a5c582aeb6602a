"""Guards operators' accounts: what ends a session is seen by the next look. Real MongoDB.

The accounts in memory, which unit tests use, must do the same.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import WriteError

from resumes.accounts import Account
from resumes.operating import Role
from store.operators import MongoOperatorStore
from tests.services.operators import MemoryAccounts

SOON = timedelta(minutes=5)
Accounts = MongoOperatorStore | MemoryAccounts


@pytest.fixture(params=["MongoDB", "memory"])
def accounts(request: pytest.FixtureRequest) -> Accounts:
    if request.param == "memory":
        return MemoryAccounts()
    return MongoOperatorStore(request.getfixturevalue("migrated"))


def found(accounts: Accounts, name: str = "ann") -> Account:
    account = accounts.find(name)
    assert account
    return account


@pytest.fixture
def ann(accounts: Accounts) -> Account:
    assert accounts.create("ann", Role.VIEWER, "a hash")
    return found(accounts)


def test_an_account_is_found_by_its_name_alone(accounts: Accounts, ann: Account) -> None:
    assert (ann.name, ann.role, ann.password_hash) == ("ann", Role.VIEWER, "a hash")
    assert not ann.is_disabled
    assert ann.ended == frozenset()
    for other in ("", "Ann", "ann ", "an", "$ne"):
        assert accounts.find(other) is None


def test_a_name_is_taken_once(accounts: Accounts, ann: Account) -> None:
    assert not accounts.create("ann", Role.OPERATOR, "another hash")
    assert found(accounts) == ann


def test_epochs_are_long_and_nobodys_else(accounts: Accounts, ann: Account) -> None:
    accounts.create("bob", Role.VIEWER, "a hash")
    epochs = {ann.epoch, found(accounts, "bob").epoch}
    assert len(epochs) == 2
    assert {len(epoch) for epoch in epochs} == {32}


def test_all_are_listed_by_name(accounts: Accounts) -> None:
    for name in ("bob", "ann", "carol"):
        accounts.create(name, Role.VIEWER, "a hash")
    assert [account.name for account in accounts.all()] == ["ann", "bob", "carol"]


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts, name: accounts.set_password(name, "another hash"),
        lambda accounts, name: accounts.set_role(name, Role.OPERATOR),
        lambda accounts, name: accounts.disable(name),
        lambda accounts, name: accounts.end_sessions(name),
    ],
    ids=["password", "role", "disable", "end sessions"],
)
def test_each_change_renews_the_epoch_of_one_account(
    accounts: Accounts, ann: Account, change: Callable[[Accounts, str], bool]
) -> None:
    accounts.create("bob", Role.VIEWER, "a hash")
    bob = found(accounts, "bob")
    assert change(accounts, "ann")
    assert found(accounts).epoch != ann.epoch
    assert found(accounts, "bob") == bob
    assert not change(accounts, "nobody")
    assert accounts.find("nobody") is None


def test_changes_are_kept(accounts: Accounts, ann: Account) -> None:
    accounts.set_role(ann.name, Role.OPERATOR)
    accounts.disable(ann.name)
    assert found(accounts).role is Role.OPERATOR
    assert found(accounts).is_disabled
    accounts.set_password(ann.name, "another hash")
    assert found(accounts).password_hash == "another hash"
    assert not found(accounts).is_disabled


@pytest.mark.parametrize("token_id", ["one", "$epoch", "$$NOW", ""])
def test_one_session_ends_and_the_others_go_on(
    accounts: Accounts, ann: Account, token_id: str
) -> None:
    assert accounts.end_session("ann", token_id, datetime.now(UTC) + SOON)
    assert accounts.end_session("ann", "two", datetime.now(UTC) + SOON)
    assert found(accounts).ended == {token_id, "two"}
    assert found(accounts).epoch == ann.epoch
    accounts.end_sessions("ann")
    assert found(accounts).ended == frozenset()
    assert not accounts.end_session("nobody", "one", datetime.now(UTC) + SOON)


def test_a_hash_is_renewed_unless_the_password_changed(accounts: Accounts, ann: Account) -> None:
    accounts.rehash("ann", "a hash", "a newer hash")
    assert found(accounts).password_hash == "a newer hash"
    assert found(accounts).epoch == ann.epoch
    accounts.rehash("ann", "a hash", "the old password's")
    assert found(accounts).password_hash == "a newer hash"


def test_ended_sessions_are_forgotten_when_they_have_expired(migrated: Database[Any]) -> None:
    accounts = MongoOperatorStore(migrated)
    accounts.create("ann", Role.VIEWER, "a hash")
    accounts.end_session("ann", "long ago", datetime.now(UTC) - SOON)
    accounts.end_session("ann", "now", datetime.now(UTC) + SOON)
    assert found(accounts).ended == {"now"}


def test_the_database_takes_no_account_without_an_epoch(migrated: Database[Any]) -> None:
    with pytest.raises(WriteError, match="validation"):
        migrated["operators"].insert_one(
            {
                "_id": "ann",
                "role": "operator",
                "password_hash": "a hash",
                "epoch": "",
                "created_at": datetime.now(UTC),
            }
        )
