"""Middleware: which there is, when each hook is called, and what its errors do."""

import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import (
    AgeLimit,
    Callbacks,
    Middleware,
    Pipelines,
    Retries,
    ShutdownNotifications,
    SkipMessage,
    TimeLimit,
    default_middleware,
)

from tasks.kafka_broker import KafkaBroker, PutBack
from tests.eventually import eventually

Done = Callable[[], None]
Buried = Callable[[dramatiq.Message[Any]], bool]
AddMiddleware = Callable[[Middleware], None]


class Recorder(Middleware):
    """Notes which hooks were called with what; those of the test's own thread apart.

    Only for what the test sent: a message of the one before may still be acknowledged.
    """

    HOOKS = ("enqueue", "process_message", "skip_message", "ack", "nack", "delay_message")

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.calls: list[str] = []
        self.said: dict[str, Any] = {}
        self._ids: set[str] = set()
        for hook in [f"{when}_{what}" for what in self.HOOKS for when in ("before", "after")]:
            if hasattr(Middleware, hook):
                setattr(self, hook, self._note(hook))

    def _note(self, hook: str) -> Callable[..., None]:
        def note(_broker: object, message: Any, *args: Any, **kwargs: Any) -> None:
            is_sender = threading.current_thread() is threading.main_thread()
            if is_sender:
                self._ids.add(message.message_id)
            elif message.message_id not in self._ids:
                return
            self.said[hook] = (message.failed if hasattr(message, "failed") else None, args, kwargs)
            (self.sent if is_sender else self.calls).append(hook)

        return note

    def wait_for(self, calls: list[str]) -> None:
        """Wait for the last of them: Kafka knows that a message is done before `after_ack`."""
        eventually(lambda: len(self.calls) >= len(calls))
        assert self.calls == calls


@pytest.fixture
def recorder(add_middleware: AddMiddleware) -> Recorder:
    recorder = Recorder()
    add_middleware(recorder)
    return recorder


SENT = ["before_enqueue", "after_enqueue"]
RAN = ["before_process_message", "after_process_message"]
ACKED = ["before_ack", "after_ack"]
NACKED = ["before_nack", "after_nack"]


def test_by_default_there_is_what_dramatiq_has_and_with_an_empty_list_nothing() -> None:
    kinds = [type(one) for one in KafkaBroker().middleware]
    assert all(issubclass(*pair) for pair in zip(kinds, default_middleware, strict=True))
    expected = [AgeLimit, TimeLimit, ShutdownNotifications, Callbacks, Pipelines, Retries]
    assert default_middleware == expected
    assert KafkaBroker(middleware=[]).middleware == []


def test_middleware_may_be_added_before_and_after_others() -> None:
    class First(Middleware): ...

    class Second(Middleware): ...

    broker = KafkaBroker()
    broker.add_middleware(First(), before=AgeLimit)
    broker.add_middleware(Second(), after=Retries)
    assert isinstance(broker.middleware[0], First)
    assert isinstance(broker.middleware[-1], Second)
    with pytest.raises(ValueError, match="not found"):
        KafkaBroker(middleware=[]).add_middleware(First(), after=Retries)


def test_the_hooks_follow_a_message(recorder: Recorder, done: Done) -> None:
    @dramatiq.actor
    def go() -> None: ...

    go.send_with_options(delay=1)
    done()
    assert recorder.sent == SENT
    recorder.wait_for([*RAN, *ACKED])
    assert recorder.said["after_enqueue"][1] == (1,)
    assert recorder.said["after_process_message"] == (False, (), {"result": None})


def test_a_failed_message_is_seen_as_failed_and_nacked(recorder: Recorder, done: Done) -> None:
    @dramatiq.actor(max_retries=1, min_backoff=1)
    def go() -> None:
        raise ValueError("no")

    go.send()
    done()
    retried = ["before_process_message", "after_process_message", *SENT, *ACKED]
    # Retries comes before the recorder in the list, so what it says it says after it.
    recorder.wait_for([*retried, *RAN, *NACKED])
    failed, _, kwargs = recorder.said["after_nack"]
    assert failed
    assert isinstance(recorder.said["after_process_message"][2]["exception"], ValueError)
    assert kwargs == {}


def test_a_skipped_message_does_not_run_and_is_acknowledged(
    recorder: Recorder, add_middleware: AddMiddleware, done: Done
) -> None:
    ran: list[int] = []

    class Skip(Middleware):
        def before_process_message(self, _broker: object, message: Any) -> None:
            if message.args == (1,):
                raise SkipMessage("not this one")

    add_middleware(Skip())

    @dramatiq.actor
    def go(number: int) -> None:
        ran.append(number)

    go.send(1)
    done()
    assert ran == []
    recorder.wait_for(["before_process_message", "after_skip_message", *ACKED])
    go.send(2)
    done()
    assert ran == [2]


def test_a_message_that_a_middleware_fails_is_a_dead_letter_and_does_not_run(
    add_middleware: AddMiddleware, done: Done, buried: Buried
) -> None:
    ran: list[int] = []

    class Refuse(Middleware):
        def before_process_message(self, _broker: object, message: Any) -> None:
            message.fail()

    add_middleware(Refuse())

    @dramatiq.actor
    def go() -> None:
        ran.append(1)

    message = go.send()
    done()
    assert ran == []
    assert buried(message)


def test_a_record_that_was_put_back_is_neither_skipped_nor_acknowledged(
    recorder: Recorder, done: Done
) -> None:
    runs: list[int] = []

    @dramatiq.actor
    def go() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise PutBack

    go.send()
    done()
    recorder.wait_for([*RAN, *RAN, *ACKED])


def test_errors_in_hooks_break_nothing(
    add_middleware: AddMiddleware, done: Done, caplog: Any
) -> None:
    ran: list[int] = []

    class Broken(Middleware):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith(("before_", "after_")) and "declare" not in name:
                return self._break
            return super().__getattribute__(name)

        def _break(self, *_args: object, **_kwargs: object) -> None:
            raise ZeroDivisionError

    add_middleware(Broken())

    @dramatiq.actor
    def go() -> None:
        ran.append(1)

    go.send()
    done()
    assert ran == [1]
    assert "Unexpected failure in before_process_message" in caplog.text
    caplog.clear()


def test_a_middleware_may_change_options_before_a_task(
    broker: KafkaBroker, done: Done, buried: Buried
) -> None:
    """The guide's example: a limit that depends on the arguments."""

    class Strict(Middleware):
        def before_process_message(self, _broker: object, message: Any) -> None:
            message.options["max_age"] = 1

    before = list(broker.middleware)
    broker.add_middleware(Strict(), before=AgeLimit)

    @dramatiq.actor
    def go() -> None: ...

    old = go.message().copy(message_timestamp=0)
    broker.enqueue(old)
    done()
    broker.middleware[:] = before
    assert buried(old)
