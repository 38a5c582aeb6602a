"""What is told when a task succeeds, fails or is given up."""

from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage

from tasks.kafka_broker import KafkaBroker

Done = Callable[[], None]
Buried = Callable[[dramatiq.Message[Any]], bool]


class Told:
    """Actors that note what they are told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

        @dramatiq.actor
        def on_success(message: dict[str, Any], result: object) -> None:
            self.calls.append(("success", message["message_id"], result))

        @dramatiq.actor
        def on_failure(message: dict[str, Any], exception: dict[str, Any]) -> None:
            self.calls.append(("failure", message["message_id"], exception))

        @dramatiq.actor
        def on_exhausted(message: dict[str, Any], retries: dict[str, Any]) -> None:
            self.calls.append(("exhausted", message["message_id"], retries))


@pytest.fixture
def told(broker: KafkaBroker) -> Told:
    assert broker.actors == {}
    return Told()


def test_success_is_told_with_the_result(broker: KafkaBroker, told: Told, done: Done) -> None:
    @dramatiq.actor(on_success="on_success", on_failure="on_failure", store_results=True)
    def add(x: int, y: int) -> int:
        return x + y

    message = add.send(1, 2)
    other = add.send_with_options(args=(2, 3), on_success=broker.get_actor("on_success"))
    done()
    assert sorted(told.calls, key=repr) == sorted(
        [("success", message.message_id, 3), ("success", other.message_id, 5)], key=repr
    )


def test_every_failure_is_told_and_the_last_one_as_exhausted_too(
    broker: KafkaBroker, told: Told, done: Done
) -> None:
    @dramatiq.actor(max_retries=2, min_backoff=1, on_retry_exhausted="on_exhausted")
    def go() -> None:
        raise ValueError("no")

    message = go.send_with_options(on_failure=broker.get_actor("on_failure"))
    done()
    failure = ("failure", message.message_id, {"type": "ValueError", "message": "no"})
    exhausted = ("exhausted", message.message_id, {"retries": 2, "max_retries": 2})
    assert sorted(told.calls, key=repr) == [exhausted, failure, failure, failure]


def test_a_message_may_set_its_own_retries(done: Done, buried: Buried) -> None:
    runs: list[str] = []

    @dramatiq.actor(max_retries=99, min_backoff=60_000, max_backoff=60_000)
    def go(name: str) -> None:
        runs.append(name)
        raise ValueError("no")

    never = go.send_with_options(args=("never",), max_retries=0)
    twice = go.send_with_options(args=("twice",), max_retries=2, min_backoff=1, max_backoff=2)
    done()
    assert sorted(runs) == ["never", "twice", "twice", "twice"]
    assert buried(never)
    assert buried(twice)


def test_retry_names_its_own_delay_and_expected_errors_are_not_retried(
    done: Done, buried: Buried, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[str] = []

    @dramatiq.actor(min_backoff=60_000, throws=(KeyError,))
    def go(name: str) -> None:
        runs.append(name)
        if name == "expected":
            raise KeyError(name)
        if runs.count("again") == 1:
            raise Retry("soon", delay=10)

    message = go.send("again")
    expected = go.send("expected")
    done()
    assert sorted(runs) == ["again", "again", "expected"]
    assert buried(expected)
    assert not buried(message)
    # What Kafka's clients say, and ours of them, is not of these tasks.
    told = [record for record in caplog.records if record.name.startswith("dramatiq.")]
    assert [record.getMessage() for record in told if record.levelname != "INFO"] == []


def test_the_number_of_the_attempt_is_in_the_message(done: Done) -> None:
    seen: list[Any] = []

    @dramatiq.actor(max_retries=3, min_backoff=1, max_backoff=2)
    def go() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.options.get("retries"))
        assert ("ZeroDivisionError" in message.options.get("traceback", "")) == (len(seen) > 1)
        assert ("requeue_timestamp" in message.options) == (len(seen) > 1)
        if len(seen) < 3:
            raise ZeroDivisionError

    go.send()
    done()
    assert seen == [None, 1, 2]
