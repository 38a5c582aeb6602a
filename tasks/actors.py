"""The task: decode a record, call the use case, tell the broker what became of it.

Runs on dramatiq's worker threads. The exceptions that leave here are the broker's business: a
failed job's error becomes a dead letter, `Retry` sends the record to the delay tiers, `PutBack`
leaves it where it is.
"""

import re
import time
from collections.abc import Callable

import dramatiq
import structlog
from dramatiq import Broker, MessageProxy
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage, Middleware

from resumes.errors import (
    InvalidRecordError,
    JobFailedError,
    QueueUnavailableError,
    RunLaterError,
    StoppedEarlyError,
    StoreUnavailableError,
)
from resumes.job import Claim, is_object_id
from resumes.operating import RecordPlace
from resumes.parse import ParseOutcome, ParseResume
from resumes.ports import JobRecord
from tasks.kafka_broker import KafkaBroker, PutBack
from tasks.kafka_broker.message import KafkaMessage
from tasks.metrics import JOB_SECONDS, JOBS_PROCESSED, JOBS_RETRIED
from tasks.queue import to_ms

log = structlog.get_logger(__name__)

PARSE_RESUME = "parse_resume"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def declare_parse_resume(
    broker: KafkaBroker, queue_name: str, run: Callable[[str, str], None]
) -> dramatiq.Actor[..., None]:
    """Declare the actor on the broker; `run(job_id, user_id)` does the work.

    The web process declares it too, to enqueue; there `run` is never called.
    """
    # How a job ends is no bug that dramatiq should warn of.
    ends = (JobFailedError, InvalidRecordError)

    @dramatiq.actor(actor_name=PARSE_RESUME, queue_name=queue_name, broker=broker, throws=ends)
    def parse_resume(**record: object) -> None:
        # Records of foreign programs may hold anything; what is no id is refused by the use case.
        run(str(record.get("job_id", "")), str(record.get("user_id", "")))

    return parse_resume


class ParseResumeRunner:
    """Runs the use case for one record, logs and counts each outcome."""

    def __init__(self, parse_resume: ParseResume) -> None:
        self._parse_resume = parse_resume

    def __call__(self, job_id: str, user_id: str) -> None:
        """Run the job; raise what the broker must know."""
        started = time.monotonic()
        job_log = log.bind(job_id=job_id, user_id=user_id)
        try:
            outcome = self._parse_resume.run(job_id, _current_record())
        except JobFailedError as error:
            JOB_SECONDS.observe(time.monotonic() - started)
            JOBS_PROCESSED.labels("failed", error.code).inc()
            job_log.warning("job.failed", code=error.code)
            raise
        except InvalidRecordError as error:
            job_log.warning("record.invalid", reason=str(error))
            raise
        except RunLaterError as later:
            reason = getattr(later.__cause__, "code", later.code)
            JOBS_RETRIED.labels(reason).inc()
            job_log.info("job.waits", delay_s=round(later.delay_s, 3), reason=reason)
            raise Retry(delay=to_ms(later.delay_s)) from None
        except (StoreUnavailableError, QueueUnavailableError, StoppedEarlyError) as error:
            job_log.warning("job.put_back", code=error.code)
            raise PutBack from error
        if outcome is ParseOutcome.SKIPPED:
            job_log.info("job.skipped")
            return
        JOB_SECONDS.observe(time.monotonic() - started)
        JOBS_PROCESSED.labels("completed", "").inc()
        job_log.info("job.completed", ms=round((time.monotonic() - started) * 1000))


class LetterNote(Middleware):
    """Notes on a failed job where its dead letter lies; `note(job_id, letter_id)` keeps it.

    A note that is lost, or a process that dies before it, costs a look at the dead letters: the
    rescuer sends the job's record once more.
    """

    def __init__(self, note: Callable[[str, str | None], None]) -> None:
        self._note = note

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Called once the dead letter is safe."""
        job_id = str(message.kwargs.get("job_id", ""))
        # Of a record that went to another owner no letter was written: he decides.
        is_owned = getattr(message, "is_owned", False)
        if message.actor_name != PARSE_RESUME or not is_object_id(job_id) or not is_owned:
            return
        try:
            self._note(job_id, getattr(message, "letter_id", None))
        except StoreUnavailableError:
            log.warning("dead_letter.not_noted", job_id=job_id)


def _current_record() -> JobRecord | None:
    """Return the record of the task that this thread runs; None without CurrentMessage."""
    message: object = CurrentMessage.get_current_message()
    if not isinstance(message, KafkaMessage):
        return None
    record = message.record
    # Of a foreign record it may be anything.
    traceparent = str(message.options.get("traceparent", ""))
    is_valid = _TRACEPARENT.fullmatch(traceparent) is not None
    place = RecordPlace(record.topic, record.partition, record.offset)
    return JobRecord(place, traceparent if is_valid else "")


def log_claim(claim: Claim) -> None:
    """Log that an attempt has begun."""
    log.info("job.claimed", job_id=claim.job_id, user_id=claim.user_id, attempt=claim.attempt)
