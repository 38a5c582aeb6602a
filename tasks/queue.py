"""Actors' queues and their dead letters as the core sees them; Kafka being away is its error."""

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import dramatiq
from dramatiq.errors import BrokerConnectionError

from resumes.errors import PublishFailedError, QueueUnavailableError
from resumes.job import Job
from tasks.kafka_broker import KafkaBroker, LetterFilter

#: Clocks of database and Kafka may differ.
_SINCE_MARGIN = timedelta(minutes=5)


@contextmanager
def queue_errors() -> Iterator[None]:
    """Raise QueueUnavailableError where Kafka does not answer a question."""
    try:
        yield
    except BrokerConnectionError as error:
        raise QueueUnavailableError from error


def to_ms(delay_s: float) -> int:
    """Return a delay as dramatiq takes it; not 0, which would mean that none is given."""
    return max(1, math.ceil(delay_s * 1000))


class ActorQueue:
    """One per actor and process; safe for concurrent calls."""

    def __init__(self, actor: dramatiq.Actor[..., None]) -> None:
        self._actor = actor

    def handled_until(self) -> datetime | None:
        """Return when the oldest record was published that is not done; None: all are.

        Raises QueueUnavailableError.
        """
        broker = cast("KafkaBroker", self._actor.broker)
        with queue_errors():
            return broker.handled_until(self._actor.queue_name)

    def _send(self, key: str, arguments: dict[str, Any], **options: Any) -> None:
        """Return when Kafka has acknowledged the record; raise PublishFailedError otherwise."""
        try:
            self._actor.send_with_options(kwargs=arguments, key=key, **options)
        except BrokerConnectionError as error:
            raise PublishFailedError from error


class ActorParseQueue(ActorQueue):
    """The jobs' queue."""

    def publish(self, job: Job, traceparent: str) -> None:
        """Return when Kafka has acknowledged the record; raise PublishFailedError otherwise."""
        arguments = {"job_id": job.id, "user_id": job.user_id, "file_name": job.file_name}
        self._send(job.id, arguments, traceparent=traceparent)


class JobLetters:
    """The dead letters of the jobs' queue; one per process, safe for concurrent calls."""

    def __init__(self, broker: KafkaBroker, queue_name: str) -> None:
        self._broker = broker
        self._queue_name = queue_name

    def find(self, job_id: str, *, since: datetime) -> str | None:
        """Return the place of the job's dead letter, None when it has none.

        Raises QueueUnavailableError when nobody knows.
        """
        wanted = LetterFilter(key=job_id, since=since - _SINCE_MARGIN, include_handled=True)
        letters = self._broker.dead_letters(self._queue_name)
        cursor = None
        with queue_errors():
            while True:
                page = letters.page(wanted, limit=1, cursor=cursor)
                if page.letters or page.cursor is None:
                    return page.letters[0].letter_id if page.letters else None
                cursor = page.cursor

    def mark_handled(self, letter_ids: Collection[str]) -> Collection[str]:
        """Note that these are dealt with; return those that can't be noted yet."""
        with queue_errors():
            return self._broker.dead_letters(self._queue_name).mark_handled(letter_ids)
