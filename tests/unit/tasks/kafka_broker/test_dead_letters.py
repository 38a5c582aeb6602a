"""What an operator finds in the dead-letter topic."""

from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.config import QueueOptions, resolve
from tasks.kafka_broker.dead_letters import dead_letter, readable_reason, readable_stack
from tests.unit.tasks.kafka_broker.records import make_record

QUEUE = resolve(
    QueueOptions(group_id="parsers"), "tasks", namespace="", group_id="g", num_partitions=1
)
FAILED_AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def _bury(record: Any, error: BaseException, attempts: int | None = None) -> OutgoingRecord:
    return dead_letter(
        record, error, queue=QUEUE, message_id="id-1", attempts=attempts, failed_at=FAILED_AT
    )


def test_key_value_and_headers_stay_and_the_reason_is_added() -> None:
    record = make_record(
        b"\x00raw", key=b"k", headers=[("own", b"1")], partition=3, offset=70_000_000_000
    )
    letter = _bury(record, ValueError("bad page"), attempts=2)
    assert (letter.topic, letter.key, letter.value) == ("tasks.dlq", b"k", b"\x00raw")
    assert letter.headers == [
        ("own", b"1"),
        ("kafka_dlt-original-topic", b"tasks"),
        ("kafka_dlt-original-partition", (3).to_bytes(4, "big")),
        ("kafka_dlt-original-offset", (70_000_000_000).to_bytes(8, "big")),
        ("kafka_dlt-original-timestamp", record.timestamp.to_bytes(8, "big")),
        ("kafka_dlt-original-consumer-group", b"parsers"),
        ("kafka_dlt-exception-fqcn", b"builtins.ValueError"),
        ("kafka_dlt-exception-message", b"bad page"),
        ("dramatiq-failed-at", b"2030-01-02T03:04:05+00:00"),
        ("dramatiq-message-id", b"id-1"),
        ("dramatiq-attempts", b"2"),
    ]


def test_a_letter_that_dies_again_keeps_its_first_origin_and_gets_the_new_reason() -> None:
    first = _bury(make_record(offset=7), ValueError("first"), attempts=1)
    again = _bury(make_record(offset=99, headers=first.headers), KeyError("second"))
    headers = dict(again.headers)
    assert len(headers) == len(again.headers)
    assert headers["kafka_dlt-original-offset"] == (7).to_bytes(8, "big")
    assert headers["kafka_dlt-exception-fqcn"] == b"builtins.KeyError"
    assert "dramatiq-attempts" not in headers


def test_a_tombstone_stays_one() -> None:
    assert _bury(make_record(None, key=b"k"), ValueError()).value is None


def test_a_record_of_nothing_at_all_can_be_sent() -> None:
    letter = _bury(make_record(None, headers=[("empty", None)]), ValueError())
    assert (letter.key, letter.value) == (None, b"")
    assert ("empty", b"") in letter.headers


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mongodb://joe:secret@db:27017/x is down", "mongodb://***@db:27017/x is down"),
        ("https://key@host/path", "https://***@host/path"),
        ("Traceback\n  File x\nBoom", "Traceback File x Boom"),
        ("x" * 9000, "x" * 500),
    ],
)
def test_the_reason_is_one_short_line_without_passwords(text: str, reason: str) -> None:
    assert readable_reason(RuntimeError(text)) == reason


def _raise(error: Exception, cause: Exception | None = None) -> NoReturn:
    raise error from cause


def _raised(secret: str) -> ValueError:
    with pytest.raises(ValueError, match=r"@") as caught:
        _raise(ValueError(secret), cause=KeyError(secret))
    return caught.value


def test_the_stack_and_the_cause_say_where_and_nothing_of_what() -> None:
    headers = dict(_bury(make_record(), _raised("joe@example.org")).headers)
    stack = headers["kafka_dlt-exception-stacktrace"].decode()
    assert "in _raise\n" in stack
    assert "joe@example.org" not in stack
    assert headers["kafka_dlt-exception-cause-fqcn"] == b"builtins.KeyError"


def test_an_error_that_nobody_raised_has_no_stack() -> None:
    assert readable_stack(ValueError("x")) == ""


def _recurse(depth: int) -> None:
    if depth == 0:
        raise type("x" * 5000, (Exception,), {})("x" * 5000)
    _recurse(depth - 1)


def test_what_is_added_is_small_however_much_the_error_says() -> None:
    """Headers count towards the size of a record, which Kafka limits."""
    record = make_record()
    with pytest.raises(Exception, match="x") as caught:
        _recurse(200)
    letter = _bury(record, caught.value)
    assert sum(len(name) + len(value) for name, value in letter.headers) < 20_000
    assert b"in _recurse" in dict(letter.headers)["kafka_dlt-exception-stacktrace"]


def test_a_letter_names_the_topic_of_its_lane() -> None:
    headers = dict(_bury(make_record(topic="tasks.high"), ValueError()).headers)
    assert headers["kafka_dlt-original-topic"] == b"tasks.high"
