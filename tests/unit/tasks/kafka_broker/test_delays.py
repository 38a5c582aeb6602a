"""Through which tiers a delayed record goes, and what it is on arrival."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker import delays
from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.config import QueueConfig, QueueOptions, resolve
from tasks.kafka_broker.delays import RELEASE, TIERS_S, TOPIC, UNTIL
from tasks.kafka_broker.errors import DecodeError
from tests.unit.tasks.kafka_broker.records import make_record

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 3600 * 1000


def _queue(**options: Any) -> QueueConfig:
    return resolve(QueueOptions(**options), "q", namespace="", group_id="g", num_partitions=1)


QUEUE = _queue()


def _arrived(record: OutgoingRecord) -> Any:
    """Read a record that was sent."""
    return make_record(
        record.value,
        key=record.key,
        headers=record.headers,
        topic=record.topic,
        partition=record.partition or 0,
    )


def _delay(wait_ms: int, **record: Any) -> OutgoingRecord:
    return delays.delayed(
        OutgoingRecord(**{"topic": "q", "key": b"k", "value": b"{}", "headers": [], **record}),
        delay_topic="q.delay",
        until_ms=NOW_MS + wait_ms,
        now_ms=NOW_MS,
    )


@pytest.mark.parametrize(
    ("wait_ms", "tier_s"),
    [
        (1, 0),
        (999, 0),
        (1000, 1),
        (4999, 1),
        (5000, 5),
        (DAY_MS - 1, 6 * 3600),
        (30 * DAY_MS, 86400),
    ],
)
def test_a_record_waits_in_the_longest_tier_that_it_has_time_for(wait_ms: int, tier_s: int) -> None:
    record = _delay(wait_ms)
    assert record.topic == "q.delay"
    assert record.partition == TIERS_S.index(tier_s)


@given(wait_ms=st.integers(1, 8 * DAY_MS), late_ms=st.integers(0, 1500))
def test_a_record_arrives_when_it_is_due_and_never_early(wait_ms: int, late_ms: int) -> None:
    """Each tier may be late in turn; the last one alone decides when the record arrives."""
    record, now_ms, hops = _delay(wait_ms), NOW_MS, 0
    while record.topic == "q.delay":
        release_ms = round(delays.release_at(_arrived(record)) * 1000)
        assert release_ms <= NOW_MS + wait_ms + late_ms
        now_ms = max(now_ms, release_ms) + late_ms
        record = delays.onward(_arrived(record), queue=QUEUE, now_ms=now_ms)
        hops += 1
    assert NOW_MS + wait_ms <= now_ms <= NOW_MS + wait_ms + 2 * late_ms
    assert hops <= 40


def test_key_value_and_the_headers_of_others_arrive_as_they_were_and_ours_are_gone() -> None:
    headers = [("theirs", b"\xff"), ("dramatiq-actor", b"go"), ("theirs", b"again")]
    record = delays.onward(
        _arrived(_delay(10, key=b"\x00key", value=b"\xff", headers=headers)),
        queue=QUEUE,
        now_ms=NOW_MS + 10,
    )
    assert record == OutgoingRecord("q", b"\x00key", b"\xff", headers)


def test_a_record_goes_to_its_lane() -> None:
    queue = _queue(lanes=True)
    sent = _arrived(_delay(10, topic="q.high"))
    assert delays.onward(sent, queue=queue, now_ms=NOW_MS + 10).topic == "q.high"


def test_where_the_queue_has_no_lanes_a_record_of_one_goes_where_it_is_read() -> None:
    """While a release that brings lanes is rolled out, older workers pump as well."""
    sent = _arrived(_delay(10, topic="q.low"))
    assert delays.onward(sent, queue=QUEUE, now_ms=NOW_MS + 10).topic == "q"


_GOOD = {TOPIC: b"q", UNTIL: b"1", RELEASE: b"1"}

GARBAGE: dict[str, dict[str, bytes | None]] = {
    "no headers": {},
    "no topic": {UNTIL: b"1"},
    "null topic": {**_GOOD, TOPIC: None},
    "empty topic": {**_GOOD, TOPIC: b""},
    "topic of others": {**_GOOD, TOPIC: b"other"},
    "impossible topic": {**_GOOD, TOPIC: b"\xff/ "},
    "delay topic": {**_GOOD, TOPIC: b"q.delay"},
    "dead-letter topic": {**_GOOD, TOPIC: b"q.dlq"},
    "no time": {TOPIC: b"q"},
    "time is text": {**_GOOD, UNTIL: b"soon"},
    "time is no text": {**_GOOD, UNTIL: b"\xff"},
    "time is a fraction": {**_GOOD, UNTIL: b"1.5"},
    "endless time": {**_GOOD, UNTIL: b"9" * 5000, RELEASE: b"9" * 5000},
}


@pytest.mark.parametrize("headers", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_told_apart_at_once(headers: dict[str, bytes | None]) -> None:
    record = make_record(headers=list(headers.items()), topic="q.delay")
    assert delays.release_at(record) * 1000 <= NOW_MS
    with pytest.raises(DecodeError):
        delays.onward(record, queue=QUEUE, now_ms=NOW_MS)


def test_a_tombstone_is_no_delayed_message() -> None:
    record = make_record(None, headers=list(_GOOD.items()), topic="q.delay")
    with pytest.raises(DecodeError, match="tombstone"):
        delays.onward(record, queue=QUEUE, now_ms=NOW_MS)
