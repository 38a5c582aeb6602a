"""Messages that may not run yet: where they wait on Kafka, and when they go on.

Each queue has a delay topic whose partitions are tiers: all records of a tier wait equally long
there, so they come due in the order of the log and nobody has to hold them in memory. A record goes
to the longest tier that it has time for, from there to the next, and after the last to its topic
when it is due, not before. Value and key stay as they are; three headers say where to and when, and
are gone on arrival. Pure functions.
"""

from dataclasses import replace

from .codec import Headers, IncomingRecord, OutgoingRecord
from .config import LANES, QueueConfig, QueueOptions
from .errors import DecodeError

#: How long a record waits in each tier. In the first one it waits for the rest of its time, which
#: is less than the next tier's. The delay topic's partition is the index here, so a tier may be
#: added at the end only.
TIERS_S = (0, 1, 5, 30, 180, 900, 3600, 6 * 3600, 24 * 3600)

#: The longest tier and a week in which no worker runs at all.
DELAY_RETENTION_MS = (TIERS_S[-1] + 7 * 24 * 3600) * 1000

TOPIC = "dramatiq-delay-topic"  # where it goes in the end
UNTIL = "dramatiq-delay-until"  # when it is due, milliseconds since 1970
RELEASE = "dramatiq-delay-release"  # when it leaves its tier, the same
_HEADERS = {TOPIC, UNTIL, RELEASE}

_MAX_DIGITS = 18


def delayed(
    record: OutgoingRecord, *, delay_topic: str, until_ms: int, now_ms: int
) -> OutgoingRecord:
    """Address a record to the delay topic; it reaches its own topic at `until_ms`."""
    tier = _tier(until_ms - now_ms)
    release_ms = until_ms if tier == 0 else now_ms + TIERS_S[tier] * 1000
    headers: Headers = [
        (TOPIC, record.topic.encode()),
        (UNTIL, str(until_ms).encode()),
        (RELEASE, str(release_ms).encode()),
    ]
    return record._replace(topic=delay_topic, partition=tier, headers=record.headers + headers)


def onward(record: IncomingRecord, *, queue: QueueConfig, now_ms: int) -> OutgoingRecord:
    """Address a record that has waited in its tier; DecodeError when it says not where to."""
    headers = dict(record.headers)
    until_ms = due_at_ms(record)
    if until_ms is None:
        raise DecodeError(f"the header {UNTIL} of a delayed record is not a time")
    if record.value is None:
        raise DecodeError("a delayed record has no value (a tombstone)")
    kept = [(name, value or b"") for name, value in record.headers if name not in _HEADERS]
    topic = _destination(headers.get(TOPIC), queue)
    out = OutgoingRecord(topic, record.key, record.value, kept)
    if until_ms <= now_ms:
        return out
    return delayed(out, delay_topic=record.topic, until_ms=until_ms, now_ms=now_ms)


def due_at_ms(record: IncomingRecord) -> int | None:
    """Return when a delayed record is due (milliseconds since 1970); None when it says no time."""
    return _milliseconds(dict(record.headers).get(UNTIL))


def delay_queue(queue: QueueConfig, group_id: str) -> QueueConfig:
    """Describe a queue's delay topic as a queue of its own, which the pumps' group works on."""
    return replace(
        queue,
        topic=queue.delay_topic,
        group_id=group_id,
        num_partitions=len(TIERS_S),
        options=QueueOptions(),
    )


def release_at(record: IncomingRecord) -> float:
    """Return when a record leaves its tier (seconds since 1970); at once when it does not say."""
    return (_milliseconds(dict(record.headers).get(RELEASE)) or 0) / 1000


def _tier(wait_ms: int) -> int:
    return max(tier for tier, wait_s in enumerate(TIERS_S) if tier == 0 or wait_s * 1000 <= wait_ms)


def _destination(header: bytes | None, queue: QueueConfig) -> str:
    topic = (header or b"").decode(errors="replace")
    if topic in queue.lane_topics.values():
        return topic
    if topic in {f"{queue.topic}.{lane}" for lane in LANES}:
        # Sent by a process for which the queue has lanes; here nobody would read it there.
        return queue.topic
    raise DecodeError(f"the header {TOPIC} of a delayed record names no topic of its queue")


def _milliseconds(data: bytes | None) -> int | None:
    # Longer ones are no 64-bit numbers, as Kafka's times are, and no floats either.
    if data is None or len(data) > _MAX_DIGITS:
        return None
    try:
        return int(data)
    except ValueError:
        return None
