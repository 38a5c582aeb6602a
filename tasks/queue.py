"""The queue as the core sees it: publish a job, ask how far the workers are, look for a letter."""

from datetime import datetime, timedelta

import dramatiq
from dramatiq.errors import BrokerConnectionError

from resumes.errors import PublishFailedError, QueueUnavailableError
from resumes.job import Job
from tasks.kafka_broker import KafkaBroker, LetterFilter

#: Clocks of database and Kafka may differ.
_SINCE_MARGIN = timedelta(minutes=5)


class ActorParseQueue:
    """One per process; safe for concurrent calls."""

    def __init__(self, actor: dramatiq.Actor[..., None]) -> None:
        self._actor = actor

    def publish(self, job: Job, traceparent: str) -> None:
        """Return when Kafka has acknowledged the record; raise PublishFailedError otherwise."""
        try:
            self._actor.send_with_options(
                kwargs={"job_id": job.id, "user_id": job.user_id, "file_name": job.file_name},
                key=job.id,
                traceparent=traceparent,
            )
        except BrokerConnectionError as error:
            raise PublishFailedError from error


class WatchedParseQueue(ActorParseQueue):
    """The same for the rescuer, who sends only what the workers have not got any more."""

    def __init__(self, actor: dramatiq.Actor[..., None], broker: KafkaBroker) -> None:
        super().__init__(actor)
        self._broker = broker
        self._queue_name = actor.queue_name

    def handled_until(self) -> datetime | None:
        """Return when the oldest record was published that is not done; None: all are."""
        try:
            return self._broker.handled_until(self._queue_name)
        except BrokerConnectionError as error:
            raise QueueUnavailableError from error


class JobLetters:
    """The dead letters of the queue; one per worker process, safe for concurrent calls."""

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
        try:
            while True:
                page = letters.page(wanted, limit=1, cursor=cursor)
                if page.letters or page.cursor is None:
                    return page.letters[0].letter_id if page.letters else None
                cursor = page.cursor
        except BrokerConnectionError as error:
            raise QueueUnavailableError from error
