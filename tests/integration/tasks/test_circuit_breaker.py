"""Guards the parser from calls while it is down, and from all of them at once when it is back.

Real breakers of several processes (each its own object) on one MongoDB.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from resumes.errors import ParserRejectedError, StoreUnavailableError
from store.breakers import BREAKERS, MongoBreakerStore
from tasks.circuit_breaker import ClosedOffError, ParserBreaker
from tests.eventually import eventually

PAUSE_S = 30.0


class DownError(Exception):
    """The parser did not answer."""


@pytest.fixture
def make(migrated: Database[Any]) -> Callable[[], ParserBreaker]:
    def make() -> ParserBreaker:
        store = MongoBreakerStore(migrated, "parser")
        return ParserBreaker(store, failures=3, pause_s=PAUSE_S, probe_s=60)

    return make


def fails(breaker: ParserBreaker) -> None:
    with pytest.raises(DownError), breaker.calling():
        raise DownError


def succeeds(breaker: ParserBreaker) -> bool:
    with breaker.calling() as is_probe:
        return is_probe


def age(database: Database[Any], seconds: float) -> None:
    database[BREAKERS].update_one(
        {}, [{"$set": {"changed_at": {"$subtract": ["$changed_at", round(1000 * seconds)]}}}]
    )


def opened(database: Database[Any], make: Callable[[], ParserBreaker]) -> None:
    """Open it, and let its pause be over."""
    breaker = make()
    for _ in range(3):
        fails(breaker)
    age(database, PAUSE_S)


def test_it_opens_for_all_processes_after_failures_of_any(
    make: Callable[[], ParserBreaker],
) -> None:
    one, other = make(), make()
    fails(one)
    fails(other)
    assert one.closed_for_s() == 0
    fails(one)
    assert 0 < one.closed_for_s() <= PAUSE_S
    third = make()
    assert third.closed_for_s() > 0
    with pytest.raises(ClosedOffError), third.calling():
        pytest.fail("a call was made")


def test_a_success_in_between_makes_failures_forgotten(make: Callable[[], ParserBreaker]) -> None:
    breaker = make()
    for _ in range(3):
        fails(breaker)
        fails(breaker)
        assert succeeds(breaker) is False
    assert breaker.closed_for_s() == 0


def test_an_answer_that_refuses_a_file_is_no_failure(make: Callable[[], ParserBreaker]) -> None:
    breaker = make()
    for _ in range(5):
        with pytest.raises(ParserRejectedError), breaker.calling():
            raise ParserRejectedError
    assert breaker.closed_for_s() == 0


def test_one_probe_at_a_time_tests_and_closes_it(
    make: Callable[[], ParserBreaker], migrated: Database[Any]
) -> None:
    opened(migrated, make)
    callers = [make() for _ in range(8)]
    go, release = threading.Barrier(8), threading.Event()
    probing = threading.Event()

    def call(breaker: ParserBreaker) -> str:
        go.wait(30)
        try:
            with breaker.calling() as is_probe:
                assert is_probe
                probing.set()
                assert release.wait(30)
        except ClosedOffError:
            return "closed off"
        return "probe"

    with ThreadPoolExecutor(8) as pool:
        ends = [pool.submit(call, breaker) for breaker in callers]
        assert probing.wait(30)
        late = make()
        assert 0 < late.closed_for_s() < 1, "a probe is under way"
        with pytest.raises(ClosedOffError), late.calling():
            pytest.fail("a second probe")
        eventually(lambda: sum(end.done() for end in ends) == 7, why="the others are closed off")
        release.set()
        assert sorted(end.result() for end in ends) == ["closed off"] * 7 + ["probe"]
    after = make()
    assert after.closed_for_s() == 0
    assert succeeds(after) is False


def test_a_probe_that_fails_opens_it_for_another_pause(
    make: Callable[[], ParserBreaker], migrated: Database[Any]
) -> None:
    opened(migrated, make)
    breaker = make()
    assert breaker.closed_for_s() == 0, "somebody may try"
    fails(breaker)
    assert breaker.closed_for_s() > PAUSE_S / 2


def test_a_recovered_parser_gets_few_calls_at_first(
    make: Callable[[], ParserBreaker], migrated: Database[Any]
) -> None:
    opened(migrated, make)
    breaker = make()
    assert succeeds(breaker) is True
    age(migrated, -600)  # however slow we are, its first two seconds are not over
    inside, release = threading.Semaphore(0), threading.Event()

    def call() -> None:
        with breaker.calling():
            inside.release()
            assert release.wait(60)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=30)
    assert not inside.acquire(timeout=0.5), "one call at a time in the first two seconds"
    age(migrated, 1200)  # long ago
    for _ in range(3):
        assert inside.acquire(timeout=30)
    release.set()
    for thread in threads:
        thread.join(30)


class AwayStore(MongoBreakerStore):
    """A store that can be cut off."""

    is_away = False

    def read(self) -> Any:
        if self.is_away:
            raise StoreUnavailableError
        return super().read()

    def count_failure(self) -> int:
        if self.is_away:
            raise StoreUnavailableError
        return super().count_failure()


def test_without_its_store_the_last_known_state_holds(migrated: Database[Any]) -> None:
    store = AwayStore(migrated, "parser")
    breaker = ParserBreaker(store, failures=3, pause_s=PAUSE_S, probe_s=60)
    assert succeeds(breaker) is False
    store.is_away = True
    for _ in range(5):
        fails(breaker)
    assert breaker.closed_for_s() == 0
    store.is_away = False
    for _ in range(3):
        fails(breaker)
    assert breaker.closed_for_s() > 0
