"""Results of tasks that returned, failed, ran again, were skipped or are not there yet."""

from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.results import ResultFailure, ResultMissing, ResultTimeout

from tasks.kafka_broker import KafkaBroker, PutBack
from tasks.kafka_broker.mongodb import MongoResultBackend

Done = Callable[[], None]
WAIT_MS = 20_000


def test_a_result_comes_back_when_the_task_has_ended(
    results: MongoResultBackend, done: Done
) -> None:
    @dramatiq.actor(store_results=True)
    def go(value: object) -> object:
        return value

    message = go.send({"a": [1, None, "ü"]})
    assert message.get_result(block=True, timeout=WAIT_MS) == {"a": [1, None, "ü"]}
    assert message.get_result() == {"a": [1, None, "ü"]}
    assert results.get_result(message) == {"a": [1, None, "ü"]}
    assert go.send(None).get_result(block=True, timeout=WAIT_MS) is None
    done()


def test_a_result_that_is_not_there_is_missing_or_waited_for(done: Done) -> None:
    @dramatiq.actor(store_results=True)
    def go() -> None: ...

    @dramatiq.actor
    def keeps_nothing() -> int:
        return 1

    with pytest.raises(ResultMissing):
        go.message().get_result()
    with pytest.raises(ResultTimeout):
        go.message().get_result(block=True, timeout=50)
    message = keeps_nothing.send()
    done()
    with pytest.raises(ResultMissing):
        message.get_result()


def test_a_failure_is_a_result_once_nothing_is_retried_any_more(done: Done) -> None:
    runs: list[int] = []

    @dramatiq.actor(store_results=True, max_retries=1, min_backoff=200, max_backoff=200)
    def fail() -> None:
        runs.append(1)
        raise ValueError("out of luck")

    @dramatiq.actor(store_results=True, throws=KeyError)
    def expected() -> None:
        raise KeyError("as expected")

    message = fail.send()
    with pytest.raises(ResultFailure, match="out of luck") as caught:
        message.get_result(block=True, timeout=WAIT_MS)
    assert caught.value.orig_exc_type == "ValueError"
    assert len(runs) == 2
    with pytest.raises(ResultFailure, match="as expected"):
        expected.send().get_result(block=True, timeout=WAIT_MS)
    done()


def test_the_result_of_a_task_that_ran_again_is_the_last_one(done: Done) -> None:
    runs: list[int] = []

    @dramatiq.actor(store_results=True, min_backoff=1, max_backoff=2)
    def go() -> str:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("not yet")
        if len(runs) == 2:
            raise PutBack
        return "at last"

    assert go.send().get_result(block=True, timeout=WAIT_MS) == "at last"
    done()


def test_a_skipped_message_has_none_and_a_refused_one_a_failure(
    add_middleware: Callable[[Middleware], None], done: Done
) -> None:
    class Choosy(Middleware):
        def before_process_message(self, _broker: object, message: Any) -> None:
            if message.args == ("refused",):
                message.fail()
            raise SkipMessage("refused" if message.failed else "skipped")

    add_middleware(Choosy())

    @dramatiq.actor(store_results=True)
    def go(_name: str) -> int:
        return 1

    assert go.send("skipped").get_result(block=True, timeout=WAIT_MS) is None
    with pytest.raises(ResultFailure, match="refused"):
        go.send("refused").get_result(block=True, timeout=WAIT_MS)
    done()


def test_a_message_may_ask_for_its_result_itself(done: Done) -> None:
    @dramatiq.actor
    def go() -> int:
        return 3

    message = go.send_with_options(store_results=True)
    assert message.get_result(block=True, timeout=WAIT_MS) == 3
    done()


def test_the_backend_is_the_brokers(broker: KafkaBroker, results: MongoResultBackend) -> None:
    assert broker.get_results_backend() is results
    with pytest.raises(RuntimeError):
        KafkaBroker().get_results_backend()
