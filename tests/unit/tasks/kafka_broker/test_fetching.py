"""Our reading of batches, beside kafka-python's own."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.structs import TopicPartition

from tasks.kafka_broker.fetching import QuickRecords, wait_long_when_idle

PARTITION = TopicPartition("tasks", 3)

#: Of a length that takes three bytes to write; repeated, since Hypothesis draws no more than 8 kB.
long_blobs = st.builds(bytes.__mul__, st.binary(min_size=100, max_size=100), st.integers(82, 90))
blobs = st.binary(max_size=200) | long_blobs
records = st.tuples(
    st.none() | blobs,
    st.none() | blobs,
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=80)), max_size=5),
    st.integers(0, 2**45),
)


def _batch(contents: list[Any], *, compression: int = 0) -> bytearray:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**9,
    )
    for place, (key, value, headers, timestamp) in enumerate(contents):
        builder.append(place, timestamp, key, value, headers)
    return bytearray(builder.build())


def _read(
    kind: type, data: bytes | bytearray, *, fetch_offset: int = 0, **options: Any
) -> tuple[list[Any], Any]:
    reader = kind(fetch_offset, PARTITION, MemoryRecords(data), **options)
    return reader.take(), reader


def _essence(found: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, list(r.headers))
        for r in found
    ]


@given(st.lists(st.lists(records, min_size=1, max_size=5), max_size=3), st.integers(0, 3))
def test_any_batches_read_as_kafka_python_reads_them(
    batches: list[list[Any]], fetch_offset: int
) -> None:
    data = b"".join(bytes(_batch(contents)) for contents in batches)
    theirs, their_reader = _read(Fetcher.PartitionRecords, data, fetch_offset=fetch_offset)
    ours, our_reader = _read(QuickRecords, data, fetch_offset=fetch_offset)
    assert _essence(ours) == _essence(theirs)
    assert our_reader.next_fetch_offset == their_reader.next_fetch_offset


def test_a_compressed_batch_is_read() -> None:
    contents = [(b"k", b"v" * 1000, [("h", b"1")], 5)] * 10
    ours, _ = _read(QuickRecords, _batch(contents, compression=1))
    assert [(r.offset, r.value) for r in ours] == [(n, b"v" * 1000) for n in range(10)]


def test_a_part_of_the_records_can_be_taken_and_the_rest_later() -> None:
    contents: list[Any] = [(None, b"%d" % number, [], 0) for number in range(5)]
    reader: Any = QuickRecords(1, PARTITION, MemoryRecords(_batch(contents)))
    assert [r.offset for r in reader.take(2)] == [1, 2]
    assert reader.next_fetch_offset == 3
    assert [r.offset for r in reader.take()] == [3, 4]
    assert reader.next_fetch_offset == 5


@given(st.integers(min_value=61), st.integers(0, 255))
def test_a_damaged_batch_is_refused_and_nothing_else_is_raised(place: int, byte: int) -> None:
    data = _batch([(b"key", b"value", [("name", b"header")], 0)] * 3)
    data[61 + place % (len(data) - 61)] = byte
    for checked in (True, False):
        try:
            _read(QuickRecords, data, check_crcs=checked)
        except CorruptRecordError:
            continue


def test_a_damaged_batch_fails_its_checksum() -> None:
    data = _batch([(b"key", b"value", [], 0)])
    data[-3] ^= 1
    with pytest.raises(CorruptRecordError, match="checksum"):
        _read(QuickRecords, data)


def test_transactions_are_left_to_kafka_python() -> None:
    found, _ = _read(
        QuickRecords,
        _batch([(b"k", b"v", [], 0)]),
        isolation_level=IsolationLevel.READ_COMMITTED,
    )
    assert type(found[0]).__name__ == "ConsumerRecord"


class IdleFetcher:
    """What `wait_long_when_idle` needs of kafka-python's, with three partitions."""

    def __init__(self, *, min_bytes: int = 1, wait_ms: int = 100) -> None:
        self.config = {"fetch_min_bytes": min_bytes, "fetch_max_wait_ms": wait_ms}
        self.fetchable = 3
        self._subscriptions = SimpleNamespace(assignment={0: None, 1: None, 2: None})

    def _fetchable_partitions(self) -> list[int]:
        return list(range(self.fetchable))

    def _create_fetch_requests(self) -> int:
        self._fetchable_partitions()
        return self.config["fetch_max_wait_ms"]

    def waits_ms(self) -> list[int]:
        """Return how long a fetch waits when all can be fetched, when two can, and when all can."""
        waits = []
        for self.fetchable in (3, 2, 3):
            waits.append(self._create_fetch_requests())
        return waits


@pytest.mark.parametrize(
    ("fetcher", "waits_ms"),
    [
        (IdleFetcher(), [500, 100, 500]),
        (IdleFetcher(wait_ms=2000), [2000, 2000, 2000]),
        (IdleFetcher(min_bytes=1000), [100, 100, 100]),
    ],
)
def test_a_fetch_waits_long_only_when_no_partition_waits_for_its_end(
    fetcher: IdleFetcher, waits_ms: list[int]
) -> None:
    wait_long_when_idle(SimpleNamespace(_fetcher=fetcher))
    assert fetcher.waits_ms() == waits_ms
