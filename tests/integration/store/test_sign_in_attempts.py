"""Guards against guessing: no two attempts at once are counted as one. Real MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from store.sign_in_attempts import MongoSignInAttempts

LIMIT = 5


@pytest.fixture
def attempts(migrated: Database[Any]) -> MongoSignInAttempts:
    return MongoSignInAttempts(migrated)


def count(attempts: MongoSignInAttempts, key: str = "a", window_s: float = 900) -> float:
    return attempts.count(key, limit=LIMIT, window_s=window_s)


def ends_in(database: Database[Any], delay_ms: int) -> None:
    database["sign_in_attempts"].update_one(
        {"_id": "a"}, [{"$set": {"expires_at": {"$add": ["$$NOW", delay_ms]}}}]
    )


def test_attempts_beyond_the_limit_wait_for_the_windows_end(attempts: MongoSignInAttempts) -> None:
    assert [count(attempts) for _ in range(LIMIT)] == [0] * LIMIT
    assert 0 < count(attempts) <= 900
    assert count(attempts, "another") == 0


def test_to_go_on_trying_makes_the_wait_no_longer(
    attempts: MongoSignInAttempts, migrated: Database[Any]
) -> None:
    for _ in range(LIMIT):
        count(attempts)
    ends_in(migrated, 300_000)
    for _ in range(3):
        assert 0 < count(attempts) <= 300


def test_attempts_at_once_are_each_counted(attempts: MongoSignInAttempts) -> None:
    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(lambda _: count(attempts), range(40)))
    assert waits.count(0) == LIMIT


def test_a_window_that_is_over_begins_anew(
    attempts: MongoSignInAttempts, migrated: Database[Any]
) -> None:
    for _ in range(LIMIT + 1):
        count(attempts)
    # The sweep of what has expired runs once a minute only.
    ends_in(migrated, -1)
    assert [count(attempts) for _ in range(LIMIT)] == [0] * LIMIT
    assert count(attempts) > 0


def test_what_succeeds_is_taken_back(
    attempts: MongoSignInAttempts, migrated: Database[Any]
) -> None:
    for _ in range(LIMIT * 2):
        assert count(attempts) == 0
        attempts.forgive("a")
    attempts.forgive("a")
    attempts.forgive("nobody")
    [document] = migrated["sign_in_attempts"].find()
    assert document["attempts"] == 0


def test_counts_are_dropped_in_time(attempts: MongoSignInAttempts, migrated: Database[Any]) -> None:
    count(attempts)
    [document] = migrated["sign_in_attempts"].find()
    index = migrated["sign_in_attempts"].index_information()["expire"]
    assert index["key"] == [("expires_at", 1)]
    assert index["expireAfterSeconds"] == 0
    assert document["expires_at"]
