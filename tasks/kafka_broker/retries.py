"""Whether a task that raised runs again, and when.

Takes the place of dramatiq's middleware of the same name and keeps its options and their meaning.
Different is where the message waits (on Kafka, not in this process), that a record whose retry
could not be sent stays unfinished, and that a task which could not even begin is put back without
counting as an attempt.
"""

import time
import traceback
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq import Broker, MessageProxy
from dramatiq.common import compute_backoff
from dramatiq.errors import Retry
from dramatiq.middleware import Shutdown
from tenacity import RetryCallState
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from .errors import PutBack, RecordTooLargeError
from .message import KafkaMessage

#: A traceback travels with the message: long ones would make a record that Kafka refuses.
_MAX_TRACEBACK_CHARS = 4_000


class Retries(dramatiq.middleware.Retries):
    """Retry failed tasks after a growing delay; what is given up becomes a dead letter.

    Besides dramatiq's options (milliseconds), `stop` and `wait` take tenacity's policies, such as
    `stop_after_attempt(5) | stop_after_delay(3600)` and `wait_exponential_jitter(1, 60)` (seconds;
    the delay counts from when the message was first enqueued); an actor overrides them with
    `retry_stop` and `retry_wait`. `stop` is asked besides `max_retries` and `retry_when`; `wait`
    replaces `min_backoff` and `max_backoff`. The exceptions in `put_back_on`, like PutBack, put the
    record back instead, without counting as an attempt. So does dramatiq's Shutdown where it would
    be retried otherwise: the next worker goes on at once.
    """

    def __init__(  # noqa: PLR0913 - dramatiq's four, and three
        self,
        *,
        max_retries: int | None = 20,
        min_backoff: int | None = None,
        max_backoff: int | None = None,
        retry_when: Callable[[int, BaseException], bool] | None = None,
        stop: stop_base | None = None,
        wait: wait_base | None = None,
        put_back_on: tuple[type[BaseException], ...] = (),
    ) -> None:
        super().__init__(
            max_retries=max_retries,  # type: ignore[arg-type] # None is allowed, and means no limit
            min_backoff=min_backoff,
            max_backoff=max_backoff,
            retry_when=retry_when,
        )
        self.stop = stop
        self.wait = wait
        self._put_back_on: tuple[type[BaseException], ...] = (PutBack, *put_back_on)

    @classmethod
    def like(cls, other: dramatiq.middleware.Retries) -> "Retries":
        """Make one with the options of dramatiq's."""
        return cls(
            max_retries=other.max_retries,
            min_backoff=other.min_backoff,
            max_backoff=other.max_backoff,
            retry_when=other.retry_when,
        )

    @property
    def actor_options(self) -> set[str]:
        """The options that actors may have because of this."""
        return {*super().actor_options, "retry_stop", "retry_wait"}

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002 - dramatiq's signature
        exception: BaseException | None = None,
    ) -> None:
        """Decide the end of a message whose task raised."""
        if exception is None:
            return
        if isinstance(message, KafkaMessage) and isinstance(exception, self._put_back_on):
            message.put_back()
            return
        try:
            self._decide(broker, message, exception)
        except Exception:
            # dramatiq would log it and acknowledge the message: a policy with a bug must not lose
            # tasks.
            self.logger.exception("No decision on message %r: it fails.", message.message_id)
            message.fail()

    def _decide(self, broker: Broker, message: MessageProxy, exception: BaseException) -> None:
        options = _Options(broker, message)
        throws = options.get("throws", None)
        if throws and isinstance(exception, throws):
            self.logger.info("Aborting message %r.", message.message_id)
            message.fail()
            return
        retries = message.options.get("retries")
        retries = retries if isinstance(retries, int) else 0
        state = _state(message, retries + 1, exception)
        is_exhausted = self._is_exhausted(options, retries, exception, state)
        is_cut_short = isinstance(exception, Shutdown) and isinstance(message, KafkaMessage)
        if is_cut_short and not is_exhausted:
            message.put_back()
            return
        message.options["retries"] = retries + 1
        message.options["traceback"] = _traceback(exception)
        message.options["requeue_timestamp"] = int(time.time() * 1000)
        if is_exhausted:
            self.logger.warning("Retries exceeded for message %r.", message.message_id)
            message.fail()
            self._tell_exhausted(broker, message, options, retries)
        else:
            self._retry(broker, message, self._delay_ms(options, retries, exception, state))

    def _is_exhausted(
        self, options: "_Options", retries: int, exception: BaseException, state: RetryCallState
    ) -> bool:
        stop = options.get("retry_stop", self.stop)
        if stop is not None and stop(state):
            return True
        retry_when = options.of_actor("retry_when", self.retry_when)
        if retry_when is not None:
            return not retry_when(retries, exception)
        # A policy alone decides where nobody set a number for this actor.
        max_retries = options.get("max_retries", None if stop is not None else self.max_retries)
        return max_retries is not None and retries >= max_retries

    def _delay_ms(
        self, options: "_Options", retries: int, exception: BaseException, state: RetryCallState
    ) -> int:
        if isinstance(exception, Retry) and exception.delay is not None:
            return int(exception.delay)
        wait = options.get("retry_wait", self.wait)
        if wait is not None:
            return int(wait(state) * 1000)
        longest_ms = dramatiq.middleware.retries.DEFAULT_MAX_BACKOFF
        _, delay_ms = compute_backoff(
            retries,
            factor=options.get("min_backoff", self.min_backoff),
            max_backoff=min(options.get("max_backoff", self.max_backoff), longest_ms),
        )
        return delay_ms

    def _tell_exhausted(
        self, broker: Broker, message: MessageProxy, options: "_Options", retries: int
    ) -> None:
        name = options.get("on_retry_exhausted", None)
        if name:
            max_retries = options.get("max_retries", self.max_retries)
            told = {"retries": retries, "max_retries": max_retries}
            broker.get_actor(name).send(message.asdict(), told)

    def _retry(self, broker: Broker, message: MessageProxy, delay_ms: int) -> None:
        self.logger.info("Retrying message %r in %d milliseconds.", message.message_id, delay_ms)
        try:
            broker.enqueue(message, delay=delay_ms)  # type: ignore[arg-type] # as dramatiq does
        except RecordTooLargeError as error:
            message.stuff_exception(error)
            message.fail()


class _Options:
    """What a message says, else its actor, else a default."""

    def __init__(self, broker: Broker, message: MessageProxy) -> None:
        self._message = message.options
        self._actor = broker.get_actor(message.actor_name).options

    def get(self, name: str, default: Any) -> Any:
        return self._message.get(name, self._actor.get(name, default))

    def of_actor(self, name: str, default: Any) -> Any:
        return self._actor.get(name, default)


def _state(message: MessageProxy, attempt: int, exception: BaseException) -> RetryCallState:
    """Tell a tenacity policy what it may ask for."""
    state = RetryCallState(
        None,  # type: ignore[arg-type] # there is no loop, and policies do not ask for it
        None,
        message.args,
        message.kwargs,
    )
    state.attempt_number = attempt
    state.start_time -= max(0.0, time.time() - message.message_timestamp / 1000)
    state.set_exception((type(exception), exception, exception.__traceback__))
    return state


def _traceback(exception: BaseException) -> str:
    lines = traceback.format_exception(exception, limit=30)
    return "".join(lines)[-_MAX_TRACEBACK_CHARS:]
