"""What a record becomes when it is given up: its bytes untouched, the reason in its headers.

The headers are Spring Kafka's (numbers big-endian, as Spring writes them), so that its tools read
our dead letters, and three of ours. Of a record that dies again after a replay the first origin is
kept and the reason is replaced, so that headers do not grow from one death to the next.

Called by dramatiq's consumer and worker threads; a record's offset moves only after `write`
returned. `letters.py` reads what this writes.
"""

import logging
import re
import traceback
from datetime import UTC, datetime

from . import codec
from .codec import Headers, IncomingRecord, OutgoingRecord
from .config import QueueConfig
from .observer import BrokerObserver
from .producer import Publisher

log = logging.getLogger(__name__)

ORIGINAL_TOPIC = "kafka_dlt-original-topic"
ORIGINAL_PARTITION = "kafka_dlt-original-partition"  # 4 bytes
ORIGINAL_OFFSET = "kafka_dlt-original-offset"  # 8 bytes
ORIGINAL_TIMESTAMP = "kafka_dlt-original-timestamp"  # 8 bytes, milliseconds since 1970
ORIGINAL_CONSUMER_GROUP = "kafka_dlt-original-consumer-group"
EXCEPTION_FQCN = "kafka_dlt-exception-fqcn"
EXCEPTION_CAUSE_FQCN = "kafka_dlt-exception-cause-fqcn"
EXCEPTION_MESSAGE = "kafka_dlt-exception-message"
EXCEPTION_STACKTRACE = "kafka_dlt-exception-stacktrace"
FAILED_AT = "dramatiq-failed-at"  # ISO 8601, UTC
ATTEMPTS = "dramatiq-attempts"

#: Why and when it died this time: replaced at the next death, left out of a replay.
REASON_HEADERS = frozenset(
    {
        EXCEPTION_FQCN,
        EXCEPTION_CAUSE_FQCN,
        EXCEPTION_MESSAGE,
        EXCEPTION_STACKTRACE,
        FAILED_AT,
        ATTEMPTS,
    }
)

#: The reason is for a list on a screen. Headers count towards the size of a record, and all that we
#: add (under 20 KiB) must fit in between `MAX_DEAD_LETTER_BYTES` and what Kafka takes elsewhere.
_MAX_MESSAGE_CHARS = 500
_MAX_NAME_CHARS = 250
_MAX_STACK_CHARS = 4_000

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class DeadLetters:
    """Writes the dead letters of one queue."""

    def __init__(self, queue: QueueConfig, publisher: Publisher, observer: BrokerObserver) -> None:
        self._queue = queue
        self._publisher = publisher
        self._observer = observer

    def write(
        self,
        record: IncomingRecord,
        error: BaseException,
        *,
        message_id: str,
        attempts: int | None = None,
    ) -> str | None:
        """Return the letter's place once it is safe; raise dramatiq's ConnectionClosed if not.

        None when Kafka did not say where it is.
        """
        letter = dead_letter(
            record,
            error,
            queue=self._queue,
            message_id=message_id,
            attempts=attempts,
            failed_at=datetime.now(UTC),
        )
        letter_id = self._publisher.publish(letter)
        # Whoever gives a message up warns of it, unless the exception was expected (`throws`).
        # Not what it says: that may quote what the task was given.
        log.info("Dead letter %s: %s", message_id, type(error).__qualname__)
        self._observer.on_dead_letter(record.topic, record.partition, type(error).__name__)
        return letter_id


def dead_letter(
    record: IncomingRecord,
    error: BaseException,
    *,
    queue: QueueConfig,
    message_id: str,
    attempts: int | None,
    failed_at: datetime,
) -> OutgoingRecord:
    """Turn `record` into the dead letter that says why."""
    replaced = REASON_HEADERS | {codec.MESSAGE_ID}
    kept = [(name, value or b"") for name, value in record.headers if name not in replaced]
    names = {name for name, _ in kept}
    origin = [header for header in _origin(record, queue.group_id) if header[0] not in names]
    return OutgoingRecord(
        topic=queue.dead_letter_topic,
        key=record.key,
        # kafka-python sends no record without key and value, although Kafka itself would.
        value=b"" if record.key is None and record.value is None else record.value,
        headers=kept + origin + _reason(message_id, attempts, error, failed_at),
    )


def _origin(record: IncomingRecord, group_id: str) -> Headers:
    return [
        (ORIGINAL_TOPIC, record.topic.encode()),
        (ORIGINAL_PARTITION, record.partition.to_bytes(4, "big")),
        (ORIGINAL_OFFSET, record.offset.to_bytes(8, "big")),
        (ORIGINAL_TIMESTAMP, record.timestamp.to_bytes(8, "big", signed=True)),
        (ORIGINAL_CONSUMER_GROUP, group_id.encode()),
    ]


def _reason(
    message_id: str, attempts: int | None, error: BaseException, failed_at: datetime
) -> Headers:
    headers = [
        (EXCEPTION_FQCN, _class_name(error)),
        (EXCEPTION_MESSAGE, readable_reason(error).encode(errors="replace")),
        (FAILED_AT, failed_at.isoformat().encode()),
        (codec.MESSAGE_ID, message_id.encode(errors="replace")),
    ]
    if error.__cause__ is not None:
        headers.append((EXCEPTION_CAUSE_FQCN, _class_name(error.__cause__)))
    if stack := readable_stack(error):
        headers.append((EXCEPTION_STACKTRACE, stack.encode(errors="replace")))
    if attempts is not None:
        headers.append((ATTEMPTS, str(attempts).encode()))
    return headers


def _class_name(error: BaseException) -> bytes:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return name[:_MAX_NAME_CHARS].encode(errors="replace")


def readable_reason(error: BaseException) -> str:
    """Say in one short line what went wrong, without the passwords that addresses carry."""
    line = " ".join(str(error).split())
    return _CREDENTIALS.sub("***@", line)[:_MAX_MESSAGE_CHARS]


def readable_stack(error: BaseException) -> str:
    """Say where it went wrong, the innermost calls last; empty when nobody raised it.

    Places in the source only. What exceptions say is left out, causes included: their texts are
    where passwords and personal data are, and the reason has its own, cleaned header.
    """
    stack = "".join(traceback.format_tb(error.__traceback__))
    return stack[-_MAX_STACK_CHARS:]
