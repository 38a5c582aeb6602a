"""Which topic a message goes to: its queue's, its lane's, or the delay topic first.

Pure functions of the broker's `enqueue`.
"""

import time
from typing import Any

from dramatiq import Actor, Message

from tasks.kafka_broker import codec
from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.config import NORMAL, QueueConfig
from tasks.kafka_broker.delays import delayed
from tasks.kafka_broker.errors import LaneNotDeclaredError
from tasks.kafka_broker.message import KafkaMessage


def address(
    message: Message[Any],
    queue: QueueConfig,
    actor: Actor[Any, Any] | None,
    *,
    delay_ms: int | None,
) -> OutgoingRecord:
    """Turn a message into the record to send; LaneNotDeclaredError for a lane that is not there."""
    if isinstance(message, KafkaMessage):
        # Key, bytes and lane of a message that comes back stay what they were.
        record = codec.encode_again(message, message.record)
    else:
        record = codec.encode(message, _topic(message, queue, actor))
    if not delay_ms or delay_ms < 0:
        return record
    now_ms = int(time.time() * 1000)
    return delayed(record, delay_topic=queue.delay_topic, until_ms=now_ms + delay_ms, now_ms=now_ms)


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
