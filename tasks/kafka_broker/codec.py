"""Message to Kafka record and back.

The value is the actor's keyword arguments as plain JSON and nothing else, so any Kafka client can
write a task and read one. Everything else (the envelope) travels in headers, each of which may be
missing: a record without any is a task for the queue's default actor. Pure functions.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, Protocol

from dramatiq import JSONEncoder, Message, MessageProxy, get_encoder
from dramatiq.errors import DecodeError as EncoderError

from .errors import DecodeError, describe

MESSAGE_ID = "dramatiq-message-id"
ACTOR = "dramatiq-actor"
QUEUE = "dramatiq-queue"
TIMESTAMP = "dramatiq-timestamp"  # milliseconds since 1970, when first enqueued
OPTIONS = "dramatiq-options"  # a JSON object, absent when empty
ARGS = "dramatiq-args"  # a JSON list, absent when empty
#: The class of the encoder given to `dramatiq.set_encoder`, which made the value: then it is the
#: whole message.
ENCODER = "dramatiq-encoder"
#: W3C trace context, under the name every tracing library looks for.
TRACEPARENT = "traceparent"

#: On a copy of a record whose task still runs: the name of that record, see `assignment`.
CARRIED = "dramatiq-carried"
_ENVELOPE = {CARRIED, MESSAGE_ID, ACTOR, QUEUE, TIMESTAMP, OPTIONS, ARGS, ENCODER, TRACEPARENT}

Headers = list[tuple[str, bytes]]


class OutgoingRecord(NamedTuple):
    """What the producer sends."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    #: None: by Kafka's murmur2 of the key, and anywhere without a key.
    partition: int | None = None


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

    Records with the same `key` option share a partition; without one they are spread.
    """
    value, headers = _envelope(message)
    key = message.options.get("key")
    return OutgoingRecord(topic, None if key is None else str(key).encode(), value, headers)


def encode_again(
    message: Message[Any] | MessageProxy, record: IncomingRecord | OutgoingRecord
) -> OutgoingRecord:
    """Turn `message`, which came as `record`, into a record for the same topic.

    Key, value and headers of other programs stay as they were; only the envelope is made anew.
    """
    value, headers = _envelope(message)
    foreign = [(name, data or b"") for name, data in record.headers if name not in _ENVELOPE]
    is_json = get_encoder_name() is None
    return OutgoingRecord(
        record.topic, record.key, record.value if is_json else value, headers + foreign
    )


def carry(record: IncomingRecord, offset: int) -> OutgoingRecord:
    """Copy a record to the end of its partition, in the name of the one at `offset`."""
    headers = [(name, data or b"") for name, data in record.headers if name != CARRIED]
    name = f"{record.topic}-{record.partition}-{offset}"
    headers.append((CARRIED, name.encode()))
    return OutgoingRecord(record.topic, record.key, record.value, headers, record.partition)


def carried_from(record: IncomingRecord) -> int | None:
    """Return the offset in whose name a record was copied, if it was within this partition."""
    if not record.headers or record.headers[-1][0] != CARRIED:
        return None
    place, _, offset = (record.headers[-1][1] or b"").decode(errors="replace").rpartition("-")
    if place != f"{record.topic}-{record.partition}" or not offset.isdecimal():
        return None
    return int(offset)


def get_encoder_name() -> str | None:
    """Return the class of dramatiq's encoder; None for JSON, its default."""
    kind = type(get_encoder())
    return None if kind is JSONEncoder else kind.__name__


def _envelope(message: Message[Any] | MessageProxy) -> tuple[bytes, Headers]:
    headers = [
        (MESSAGE_ID, message.message_id.encode()),
        (ACTOR, message.actor_name.encode()),
        (QUEUE, message.queue_name.encode()),
        (TIMESTAMP, str(message.message_timestamp).encode()),
    ]
    options = message.options
    if isinstance(options.get(TRACEPARENT), str):
        headers.append((TRACEPARENT, options[TRACEPARENT].encode()))
    encoder = get_encoder_name()
    if encoder is not None:
        return message.encode(), [*headers, (ENCODER, encoder.encode())]
    if TRACEPARENT in options:
        options = {name: value for name, value in options.items() if name != TRACEPARENT}
    if options:
        headers.append((OPTIONS, _to_json(options)))
    if message.args:
        headers.append((ARGS, _to_json(message.args)))
    return _to_json(message.kwargs), headers


def decode(record: IncomingRecord, *, queue_name: str, default_actor: str | None) -> Message[Any]:
    """Turn a record of the queue into a message; DecodeError with the reason when it is none."""
    if record.value is None:
        raise DecodeError("the record has no value (a tombstone)")
    headers = {name: value for name, value in record.headers if value is not None}
    queue = _text(headers, QUEUE, queue_name)
    if queue != queue_name:
        # dramatiq looks the queue up among this worker's consumers, and a miss kills its thread.
        raise DecodeError(f"the record is of the queue {queue!r}, not of {queue_name!r}")
    if ENCODER in headers:
        return _decode_whole(record, _text(headers, ENCODER, ""))
    actor = _text(headers, ACTOR, default_actor or "")
    if not actor:
        raise DecodeError("no header names an actor, and the queue has no default actor")
    return Message(
        queue_name=queue,
        actor_name=actor,
        args=tuple(_json(headers[ARGS], list, f"header {ARGS}")) if ARGS in headers else (),
        kwargs=_json(record.value, dict, "value"),
        options=_options(headers),
        message_id=_text(headers, MESSAGE_ID, record_id(record)),
        message_timestamp=_timestamp(headers, record.timestamp),
    )


def record_id(record: IncomingRecord) -> str:
    """Name a record by its place, which no two records share."""
    return f"{record.topic}-{record.partition}-{record.offset}"


def _decode_whole(record: IncomingRecord, encoder: str) -> Message[Any]:
    # Only with the encoder that this process was given: a header must not choose pickle.
    if encoder != get_encoder_name():
        raise DecodeError(f"the value was made by {encoder}, which is not dramatiq's encoder here")
    try:
        return Message.decode(record.value or b"")
    except EncoderError as error:
        reason = describe(error.__cause__ or error)
        raise DecodeError(f"{encoder} cannot read the value: {reason}") from None


def _options(headers: Mapping[str, bytes]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if OPTIONS in headers:
        options = _json(headers[OPTIONS], dict, f"header {OPTIONS}")
    if options.get("throws"):
        # dramatiq asks whether an exception is an instance of it; its thread dies of the answer.
        raise DecodeError("the option 'throws' names no exception: JSON has none")
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
    return _ENCODER.encode(value).encode()


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# NaN is no JSON: a consumer in another language could not read it.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
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
