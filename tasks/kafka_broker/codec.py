"""Message to Kafka record and back.

The value is the actor's keyword arguments as plain JSON and nothing else, so any Kafka client can
write a task and read one. Everything else (the envelope) travels in headers, each of which may be
missing: a record without any is a task for the queue's default actor. Pure functions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from dramatiq import Message, MessageProxy

from tasks.kafka_broker.errors import DecodeError

MESSAGE_ID = "dramatiq-message-id"
ACTOR = "dramatiq-actor"
QUEUE = "dramatiq-queue"
TIMESTAMP = "dramatiq-timestamp"  # milliseconds since 1970, when first enqueued
OPTIONS = "dramatiq-options"  # a JSON object, absent when empty
ARGS = "dramatiq-args"  # a JSON list, absent when empty
#: W3C trace context, under the name every tracing library looks for.
TRACEPARENT = "traceparent"

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class OutgoingRecord:
    """What the producer sends."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


class IncomingRecord(Protocol):
    """What the consumer reads: kafka-python's ConsumerRecord, as far as we use it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def encode(message: Message[Any] | MessageProxy, topic: str) -> OutgoingRecord:
    """Turn `message` into a record; TypeError or ValueError when it is not plain JSON.

    Records with the same `key` option keep their order; without one the message id spreads them.
    """
    options = dict(message.options)
    headers = [
        (MESSAGE_ID, message.message_id.encode()),
        (ACTOR, message.actor_name.encode()),
        (QUEUE, message.queue_name.encode()),
        (TIMESTAMP, str(message.message_timestamp).encode()),
    ]
    if isinstance(options.get(TRACEPARENT), str):
        headers.append((TRACEPARENT, options.pop(TRACEPARENT).encode()))
    if options:
        headers.append((OPTIONS, _to_json(options)))
    if message.args:
        headers.append((ARGS, _to_json(message.args)))
    return OutgoingRecord(
        topic=topic,
        key=str(options.get("key", message.message_id)).encode(),
        value=_to_json(message.kwargs),
        headers=headers,
    )


def decode(record: IncomingRecord, *, queue_name: str, default_actor: str | None) -> Message[Any]:
    """Turn a record of the queue into a message; DecodeError with the reason when it is none."""
    if record.value is None:
        raise DecodeError("the record has no value (a tombstone)")
    headers = {name: value for name, value in record.headers if value is not None}
    queue = _text(headers, QUEUE, queue_name)
    if queue != queue_name:
        # dramatiq looks the queue up among this worker's consumers, and a miss kills its thread.
        raise DecodeError(f"the record is of the queue {queue!r}, not of {queue_name!r}")
    actor = _text(headers, ACTOR, default_actor or "")
    if not actor:
        raise DecodeError("no header names an actor, and the queue has no default actor")
    return Message(
        queue_name=queue,
        actor_name=actor,
        args=tuple(_json(headers.get(ARGS, b"[]"), list, f"header {ARGS}")),
        kwargs=_json(record.value, dict, "value"),
        options=_options(headers),
        message_id=_text(headers, MESSAGE_ID, record_id(record)),
        message_timestamp=_timestamp(headers, record.timestamp),
    )


def record_id(record: IncomingRecord) -> str:
    """Name a record by its place, which no two records share."""
    return f"{record.topic}-{record.partition}-{record.offset}"


def _options(headers: Mapping[str, bytes]) -> dict[str, Any]:
    options: dict[str, Any] = _json(headers.get(OPTIONS, b"{}"), dict, f"header {OPTIONS}")
    if TRACEPARENT in headers:
        options[TRACEPARENT] = _text(headers, TRACEPARENT, "")
    return options


def _timestamp(headers: Mapping[str, bytes], default: int) -> int:
    text = _text(headers, TIMESTAMP, str(default))
    try:
        return int(text)
    except ValueError:
        raise DecodeError(f"header {TIMESTAMP} is not a whole number") from None


def _text(headers: Mapping[str, bytes], name: str, default: str) -> str:
    try:
        return headers[name].decode() if name in headers else default
    except UnicodeDecodeError:
        raise DecodeError(f"header {name} is not UTF-8") from None


def _to_json(value: object) -> bytes:
    # NaN is no JSON: a consumer in another language could not read it.
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_reject_constant)


def _json(data: bytes, kind: type, what: str) -> Any:
    try:
        value = _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        # RecursionError: a few kilobytes of "[" are enough.
        raise DecodeError(f"{what} is not JSON: {error}") from None
    if not isinstance(value, kind):
        raise DecodeError(f"{what} is JSON, but no {'object' if kind is dict else 'list'}")
    return value
