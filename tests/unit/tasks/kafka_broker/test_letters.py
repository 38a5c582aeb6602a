"""What a dead letter tells, which letters a person means, and what a replay sends."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.kafka_broker.config import QueueOptions, resolve
from tasks.kafka_broker.dead_letters import dead_letter
from tasks.kafka_broker.letters import Letter, LetterFilter, readable_bytes, replayed
from tests.unit.tasks.kafka_broker.records import make_record

QUEUE = resolve(QueueOptions(), "tasks", namespace="", group_id="g", num_partitions=1)
FAILED_AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
DIED_AT = datetime.fromtimestamp(1_700_000_000, UTC)  # as make_record has it


def _letter(value: bytes | None = b"{}", **record: Any) -> Letter:
    """Return what is read of a dead letter of `record`."""
    outgoing = dead_letter(
        make_record(value, **record),
        ValueError("bad page"),
        queue=QUEUE,
        message_id="id-1",
        attempts=2,
        failed_at=FAILED_AT,
    )
    return Letter(
        make_record(outgoing.value, key=outgoing.key, headers=outgoing.headers, offset=7),
        queue="tasks",
        is_handled=False,
    )


def test_numbers_text_and_bytes_of_headers_can_be_read() -> None:
    letter = _letter(
        headers=[("own", b"\xff\x00"), ("none", None)], partition=3, offset=70_000_000_000
    )
    assert letter.headers == {
        "own": "0xff00",
        "none": "",
        "kafka_dlt-original-topic": "tasks",
        "kafka_dlt-original-partition": 3,
        "kafka_dlt-original-offset": 70_000_000_000,
        "kafka_dlt-original-timestamp": 1_700_000_000_000,
        "kafka_dlt-original-consumer-group": "g.tasks",
        "kafka_dlt-exception-fqcn": "builtins.ValueError",
        "kafka_dlt-exception-message": "bad page",
        "dramatiq-failed-at": FAILED_AT.isoformat(),
        "dramatiq-message-id": "id-1",
        "dramatiq-attempts": "2",
    }
    assert (letter.letter_id, letter.message_id, letter.error) == ("0:7", "id-1", "bad page")
    assert letter.died_at == DIED_AT


def test_a_record_that_is_no_letter_of_ours_has_no_answers_but_its_place() -> None:
    letter = Letter(make_record(b"x", offset=2), queue=None, is_handled=False)
    assert letter.letter_id == "0:2"
    assert (letter.actor, letter.message_id, letter.original_topic) == (None, None, None)
    assert (letter.error_class, letter.error, letter.replays) == ("", "", 0)


@pytest.mark.parametrize("count", [b"-1", b"", b"\xff", b"many", "٣".encode()])
def test_a_count_of_replays_that_is_none_is_zero(count: bytes) -> None:
    assert _letter(headers=[("dramatiq-replays", count)]).replays == 0


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        (LetterFilter(), True),
        (LetterFilter(queue="tasks"), True),
        (LetterFilter(queue="mails"), False),
        (LetterFilter(actor="go"), True),
        (LetterFilter(actor="stop"), False),
        (LetterFilter(error_class="ValueError"), True),
        (LetterFilter(error_class="builtins.ValueError"), True),
        (LetterFilter(error_class="Error"), False),
        (LetterFilter(message_id="id-1"), True),
        (LetterFilter(message_id="id-2"), False),
        (LetterFilter(key="k"), True),
        (LetterFilter(key="K"), False),
        (LetterFilter(headers={"tenant": "a"}), True),
        (LetterFilter(headers={"tenant": "a", "other": ""}), False),
        (LetterFilter(headers={"kafka_dlt-original-partition": "3"}), True),
        (LetterFilter(since=DIED_AT), True),
        (LetterFilter(since=DIED_AT + timedelta(seconds=1)), False),
        (LetterFilter(until=DIED_AT), False),
        (LetterFilter(until=DIED_AT + timedelta(seconds=1)), True),
        (LetterFilter(actor="go", key="K"), False),
    ],
)
def test_a_letter_is_meant_when_all_that_is_asked_for_holds(
    wanted: LetterFilter, *, is_meant: bool
) -> None:
    headers = [("dramatiq-actor", b"go"), ("tenant", b"a")]
    assert wanted.matches(_letter(key=b"k", headers=headers, partition=3)) is is_meant


def test_a_replay_keeps_key_value_envelope_and_origin_and_counts_itself() -> None:
    headers = [("dramatiq-actor", b"go"), ("own", b"1"), ("dramatiq-replays", b"1")]
    record = replayed(_letter(b"\x00raw", key=b"k", headers=headers, offset=5), "tasks.low")
    assert (record.topic, record.key, record.value) == ("tasks.low", b"k", b"\x00raw")
    assert {name.split("-")[0] for name, _ in record.headers} == {"dramatiq", "own", "kafka_dlt"}
    assert [name for name, _ in record.headers] == [
        "dramatiq-actor",
        "own",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-partition",
        "kafka_dlt-original-offset",
        "kafka_dlt-original-timestamp",
        "kafka_dlt-original-consumer-group",
        "dramatiq-message-id",
        "dramatiq-replays",
    ]
    assert dict(record.headers)["dramatiq-replays"] == b"2"


def test_a_replay_begins_with_a_new_budget_of_attempts() -> None:
    options = {"retries": 5, "requeue_timestamp": 1, "traceback": "...", "max_retries": 5}
    letter = _letter(headers=[("dramatiq-options", json.dumps(options).encode())])
    record = replayed(letter, "tasks")
    assert dict(record.headers)["dramatiq-options"] == b'{"max_retries":5}'


@pytest.mark.parametrize("options", [b'{ "max_retries": 5 }', b"[1]", b"\xff", b"[" * 50_000, b""])
def test_options_that_hold_no_attempts_are_sent_back_byte_for_byte(options: bytes) -> None:
    record = replayed(_letter(headers=[("dramatiq-options", options)]), "tasks")
    assert dict(record.headers)["dramatiq-options"] == options


def test_dying_and_coming_back_many_times_does_not_make_a_record_grow() -> None:
    letter = _letter(b"raw", key=b"k")
    sizes = set()
    for _ in range(5):
        back = replayed(letter, "tasks")
        sizes.add(sum(len(name) + len(value) for name, value in back.headers))
        letter = _letter(back.value, key=back.key, headers=back.headers, offset=99)
    assert len(sizes) == 1
    assert letter.headers["kafka_dlt-original-offset"] == 0
    assert letter.replays == 5


def test_a_letter_of_nothing_at_all_can_be_sent_back() -> None:
    assert replayed(_letter(None), "tasks").value == b""
    assert replayed(_letter(None, key=b"k"), "tasks").value is None


def test_bytes_are_shown_as_text_or_as_digits() -> None:
    assert readable_bytes(None) is None
    assert readable_bytes("ü".encode()) == "ü"
    assert readable_bytes(b"\xff") == "0xff"
