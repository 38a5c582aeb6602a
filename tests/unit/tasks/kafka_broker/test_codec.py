"""What a task looks like on Kafka, and what of a stranger's record is a task."""

import contextlib
import json
from typing import Any

import pytest
from dramatiq import Message, MessageProxy
from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker import codec
from tasks.kafka_broker.codec import decode, encode
from tasks.kafka_broker.errors import DecodeError
from tests.unit.tasks.kafka_broker.records import make_record

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_json = st.recursive(
    _scalars.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9._-]{0,20}", fullmatch=True)
_messages = st.builds(
    Message[Any],
    queue_name=_names,
    actor_name=_names,
    args=st.lists(_json, max_size=3).map(tuple),
    kwargs=st.dictionaries(st.text(), _json, max_size=4),
    options=st.dictionaries(st.text(), _json, max_size=3)
    | st.just({"traceparent": TRACEPARENT, "key": "user-1"}),
    message_id=st.uuids().map(str),
    message_timestamp=st.integers(0, 2**41),
)


def _round_trip(message: Message[Any]) -> Message[Any]:
    sent = encode(message, "tasks")
    record = make_record(sent.value, key=sent.key, headers=sent.headers)
    return decode(record, queue_name=message.queue_name, default_actor=None)


@given(message=_messages)
def test_a_message_comes_back_as_it_was_sent(message: Message[Any]) -> None:
    assert _round_trip(message) == message


@given(message=_messages)
def test_the_value_is_the_keyword_arguments_as_plain_json(message: Message[Any]) -> None:
    value = encode(message, "tasks").value
    assert value is not None
    assert json.loads(value) == message.kwargs


def _message(**options: Any) -> Message[Any]:
    return Message("parse", "parse_resume", (), {"job_id": "1"}, options, "id-1", 1000)


def test_a_plain_task_carries_nothing_it_does_not_need() -> None:
    record = encode(_message(), "tasks")
    assert record.topic == "tasks"
    assert record.key is None
    assert record.value == b'{"job_id":"1"}'
    assert record.headers == [
        ("dramatiq-message-id", b"id-1"),
        ("dramatiq-actor", b"parse_resume"),
        ("dramatiq-queue", b"parse"),
        ("dramatiq-timestamp", b"1000"),
    ]


def test_a_proxy_is_encoded_like_its_message() -> None:
    """dramatiq's own middleware enqueues what it was given, and that is a proxy."""
    assert encode(MessageProxy(_message(key="k")), "tasks") == encode(_message(key="k"), "tasks")


def test_the_key_option_is_the_record_key() -> None:
    assert encode(_message(key="job-7"), "tasks").key == b"job-7"


def test_the_trace_context_is_a_header_of_its_own() -> None:
    headers = encode(_message(traceparent=TRACEPARENT), "tasks").headers
    assert ("traceparent", TRACEPARENT.encode()) in headers
    assert codec.OPTIONS not in dict(headers)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_refused_when_sent(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Message("q", "a", (), {"x": value}, {}), "tasks")


def test_a_foreign_record_goes_to_the_default_actor_under_the_name_of_its_place() -> None:
    record = make_record(b'{"job_id": "1"}', partition=2, offset=41, topic="resumes")
    message = decode(record, queue_name="parse", default_actor="parse_resume")
    assert message == Message(
        queue_name="parse",
        actor_name="parse_resume",
        args=(),
        kwargs={"job_id": "1"},
        options={},
        message_id="resumes-2-41",
        message_timestamp=record.timestamp,
    )


def test_a_foreign_record_may_name_its_actor_and_carry_a_trace() -> None:
    headers = [("dramatiq-actor", b"other"), ("traceparent", TRACEPARENT.encode()), ("x", None)]
    message = decode(make_record(headers=headers), queue_name="q", default_actor="default")
    assert message.actor_name == "other"
    assert message.options == {"traceparent": TRACEPARENT}


_ACTOR = ("dramatiq-actor", b"a")


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, [_ACTOR], "no value"),
        (b"", [_ACTOR], "value is not JSON"),
        (b"%PDF-1.7", [_ACTOR], "value is not JSON"),
        (b"\xff\xfe", [_ACTOR], "value is not JSON"),
        (b'{"a": NaN}', [_ACTOR], "value is not JSON"),
        (b'{"a": 1', [_ACTOR], "value is not JSON"),
        (b"[" * 100_000, [_ACTOR], "value is not JSON"),
        (b"9" * 5000, [_ACTOR], "value is not JSON"),
        (b"[1, 2]", [_ACTOR], "no object"),
        (b"null", [_ACTOR], "no object"),
        (b'"text"', [_ACTOR], "no object"),
        (b"{}", [], "no default actor"),
        (b"{}", [("dramatiq-actor", b"\xff")], "dramatiq-actor is not UTF-8"),
        (b"{}", [_ACTOR, ("dramatiq-queue", b"other")], "of the queue 'other'"),
        (b"{}", [_ACTOR, ("dramatiq-args", b"{}")], "dramatiq-args is JSON, but no list"),
        (b"{}", [_ACTOR, ("dramatiq-args", b"[")], "dramatiq-args is not JSON"),
        (b"{}", [_ACTOR, ("dramatiq-options", b"[]")], "dramatiq-options is JSON, but no object"),
        (b"{}", [_ACTOR, ("dramatiq-options", b'{"throws":"x"}')], "'throws' names no exception"),
        (b"{}", [_ACTOR, ("dramatiq-timestamp", b"soon")], "dramatiq-timestamp"),
    ],
)
def test_what_is_no_task_is_refused_with_the_reason(
    value: bytes | None, headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode(make_record(value, headers=headers), queue_name="q", default_actor=None)


@given(value=st.binary(), header=st.binary())
def test_any_bytes_are_a_task_or_a_decode_error(value: bytes, header: bytes) -> None:
    headers = [(name, header) for name in (codec.ARGS, codec.OPTIONS, codec.TIMESTAMP)]
    with contextlib.suppress(DecodeError):
        decode(make_record(value, headers=headers), queue_name="q", default_actor="a")
