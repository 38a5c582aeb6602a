"""Which topic a message goes to: its queue's, its lane's, or the delay topic first.

When a message is due stands in its option `eta` (milliseconds since 1970), where dramatiq has it;
on Kafka it stands in the delay's own headers instead. Pure functions of the broker's `enqueue`.
"""

import math
import time
from typing import Any

from dramatiq import Actor, Message

from . import codec
from .codec import OutgoingRecord
from .config import NORMAL, QueueConfig
from .delays import delayed
from .errors import LaneNotDeclaredError
from .message import KafkaMessage

#: Far beyond any date, and as many digits as a header of ours may have.
_END_OF_TIME_MS = 10**17


def due_after(message: Message[Any], delay_ms: float | None) -> Message[Any]:
    """Return a copy that says when it is due, or the message itself when it may run at once."""
    if delay_ms is None:
        return message
    return _like(message, message.copy(options={"eta": int(time.time() * 1000 + delay_ms)}))


def due_ms(eta: object) -> int | None:
    """Return what an option `eta` says, in whole milliseconds; None when it says no time."""
    if isinstance(eta, int | float) and abs(eta) < _END_OF_TIME_MS:
        return math.ceil(eta)
    return None


def address(
    message: Message[Any], queue: QueueConfig, actor: Actor[Any, Any] | None
) -> OutgoingRecord:
    """Turn a message into the record to send; LaneNotDeclaredError for a lane that is not there."""
    until_ms = due_ms(message.options.get("eta"))
    if until_ms is None:
        return _record(message, queue, actor)
    now_ms = int(time.time() * 1000)
    record = _record(_when_due(message, max(until_ms, now_ms)), queue, actor)
    if until_ms <= now_ms:
        return record
    return delayed(record, delay_topic=queue.delay_topic, until_ms=until_ms, now_ms=now_ms)


def _when_due(message: Message[Any], timestamp_ms: int) -> Message[Any]:
    fields = message.asdict()
    fields["options"] = {k: v for k, v in message.options.items() if k != "eta"}
    if not isinstance(message, KafkaMessage):
        # A message that was asked for later is not old when its time comes (`max_age`, tenacity's
        # `stop_after_delay`); one that is tried again is.
        fields["message_timestamp"] = timestamp_ms
    return _like(message, Message(**fields))


def _like(message: Message[Any], copy: Message[Any]) -> Message[Any]:
    if isinstance(message, KafkaMessage):
        return KafkaMessage(copy, message.delivery)  # type: ignore[return-value] # as dramatiq does
    return copy


def _record(
    message: Message[Any], queue: QueueConfig, actor: Actor[Any, Any] | None
) -> OutgoingRecord:
    if isinstance(message, KafkaMessage):
        # Key, bytes and lane of a message that comes back stay what they were.
        return codec.encode_again(message, message.record)
    return codec.encode(message, _topic(message, queue, actor))


def _topic(message: Message[Any], queue: QueueConfig, actor: Actor[Any, Any] | None) -> str:
    lane = message.options.get("lane")
    if lane is None:
        lane = actor.options.get("lane", NORMAL) if actor else NORMAL
    try:
        return queue.lane_topics[lane]
    except KeyError:
        known = ", ".join(queue.lane_topics)
        raise LaneNotDeclaredError(
            f"queue {queue.name!r} has no lane {lane!r}, but {known}"
        ) from None
