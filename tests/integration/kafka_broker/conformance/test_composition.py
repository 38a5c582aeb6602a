"""Pipelines and groups, with delays, failures and callbacks."""

# mypy: allow-untyped-calls

import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq import group, pipeline
from dramatiq.results import ResultFailure, ResultTimeout

from tasks.kafka_broker import KafkaBroker

Done = Callable[[], None]
WAIT_MS = 20_000


@pytest.fixture
def add(broker: KafkaBroker) -> dramatiq.Actor[..., Any]:
    @dramatiq.actor(broker=broker, store_results=True, max_retries=0)
    def add(*numbers: int) -> int:
        return sum(numbers)

    return add


def test_each_result_goes_to_the_next_of_a_pipeline(add: dramatiq.Actor[..., Any]) -> None:
    pipe = add.message(1, 2) | (add.message(3) | add.message(4))
    assert len(pipe) == 3
    pipe.run()
    assert pipe.get_result(block=True, timeout=WAIT_MS) == 10
    assert list(pipe.get_results()) == [3, 6, 10]
    assert pipe.completed
    assert pipe.completed_count == 3


def test_a_message_of_a_pipeline_may_ignore_the_result_before_it(
    add: dramatiq.Actor[..., Any],
) -> None:
    pipe = pipeline(
        [add.message(1), add.message_with_options(args=(5,), pipe_ignore=True), add.message(1)]
    ).run()
    assert pipe.get_result(block=True, timeout=WAIT_MS) == 6


def test_a_pipeline_ends_where_it_fails(add: dramatiq.Actor[..., Any], done: Done) -> None:
    ran: list[int] = []

    @dramatiq.actor(max_retries=0, store_results=True)
    def fail(*_before: int) -> None:
        raise ValueError("broken pipe")

    @dramatiq.actor
    def never(*_before: int) -> None:
        ran.append(1)

    pipe = pipeline([add.message(1), fail.message_with_options(), never.message()]).run()
    with pytest.raises(ResultFailure, match="broken pipe"):
        list(pipe.get_results(block=True, timeout=WAIT_MS))
    done()
    assert ran == []


def test_a_pipelines_and_its_messages_delays_are_kept(done: Done) -> None:
    ran_at: dict[str, float] = {}

    @dramatiq.actor
    def note(name: str) -> None:
        ran_at[name] = time.time()

    began_at = time.time()
    second = note.message_with_options(args=("second",), delay=300, pipe_ignore=True)
    pipeline([note.message("first"), second]).run(delay=200)
    group([note.message("group 1"), note.message("group 2")]).run(delay=100)
    done()
    assert ran_at["group 1"] - began_at >= 0.1
    assert ran_at["group 2"] - began_at >= 0.1
    assert ran_at["first"] - began_at >= 0.2
    assert ran_at["second"] - ran_at["first"] >= 0.3


def test_a_group_gives_its_results_in_order_and_runs_side_by_side(done: Done) -> None:
    meet = threading.Barrier(4)

    @dramatiq.actor(store_results=True)
    def go(number: int) -> int:
        meet.wait(20)
        return number

    members = group(go.message(number) for number in range(4))
    members.run()
    assert list(members.get_results(block=True, timeout=WAIT_MS)) == [0, 1, 2, 3]
    members.wait(timeout=WAIT_MS)
    assert members.completed
    assert members.completed_count == len(members) == 4
    done()


def test_a_group_of_groups_and_pipelines_gives_theirs(add: dramatiq.Actor[..., Any]) -> None:
    inner = group([add.message(1), add.message(2)])
    outer = group([inner, add.message(1) | add.message(1), add.message(7)])
    outer.run()
    assert list(outer.get_results(block=True, timeout=WAIT_MS)) == [[1, 2], 2, 7]


def test_waiting_for_a_group_ends_with_its_time(done: Done) -> None:
    may_end = threading.Event()

    @dramatiq.actor(store_results=True)
    def go() -> None:
        may_end.wait(20)

    members = group([go.message(), go.message()]).run()
    with pytest.raises(ResultTimeout):
        members.wait(timeout=50)
    assert not members.completed
    may_end.set()
    done()


def test_the_end_of_a_group_is_told_once_after_all_its_members(done: Done) -> None:
    calls: list[str] = []

    @dramatiq.actor(max_retries=1, min_backoff=1)
    def go(name: str) -> None:
        calls.append(name)
        if calls.count("fails once") == 1 and name == "fails once":
            raise ValueError("once")

    @dramatiq.actor
    def finish(number: int) -> None:
        calls.append(f"finish {number}")

    members = group([go.message("a"), go.message("fails once"), go.message("b")])
    members.add_completion_callback(finish.message(42))
    members.run()
    done()
    assert sorted(calls[:-1]) == ["a", "b", "fails once", "fails once"]
    assert calls[-1] == "finish 42"


def test_the_end_of_a_group_of_pipelines_is_told_after_their_last_messages(done: Done) -> None:
    calls: list[str] = []

    @dramatiq.actor
    def go(name: str, *_before: object) -> str:
        calls.append(name)
        return name

    @dramatiq.actor
    def finish() -> None:
        calls.append("finish")

    members = group([go.message("a") | go.message("b"), go.message("c")])
    members.add_completion_callback(finish.message())
    members.run()
    done()
    assert sorted(calls[:-1]) == ["a", "b", "c"]
    assert calls[-1] == "finish"


def test_a_callback_needs_its_middleware() -> None:
    broker = KafkaBroker()

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    members = group([go.message()], broker=broker)
    members.add_completion_callback(go.message())
    with pytest.raises(RuntimeError, match="GroupCallbacks"):
        members.run()
