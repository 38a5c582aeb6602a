"""Guards what the quick producer writes: byte for byte what kafka-python writes."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from tasks.kafka_broker.producing import _BatchBuilder

#: Repeated, since Hypothesis draws no more than 8 kB.
LONG = st.builds(bytes.__mul__, st.binary(min_size=100, max_size=100), st.just(90))
DATA = st.none() | st.binary(max_size=200) | LONG
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
RECORDS = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**42),
        DATA,
        DATA,
        st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=5),
    ),
    min_size=1,
    max_size=20,
)


def build(kind: Any, records: list[Any], batch_size: int) -> tuple[bytes, list[Any]]:
    builder = kind(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=7,
        producer_epoch=1,
        base_sequence=3,
        batch_size=batch_size,
    )
    told = []
    offset = 0
    for timestamp, key, value, headers in records:
        metadata = builder.append(offset, timestamp, key, value, headers)
        told.append(metadata and (metadata.offset, metadata.size, metadata.timestamp))
        offset += metadata is not None
    return bytes(builder.build()), told


@given(records=RECORDS, batch_size=st.sampled_from([100, 1_000, 64 * 1024]))
def test_batches_are_those_of_kafka_python(records: list[Any], batch_size: int) -> None:
    ours = build(_BatchBuilder, records, batch_size)
    assert ours == build(DefaultRecordBatchBuilder, records, batch_size)


@pytest.mark.parametrize("count", [1, 100, 10_000])
def test_a_batch_of_many_is_read_back(count: int) -> None:
    records = [(1_700_000_000_000 + n, None, b"%d" % n, [("n", b"%d" % n)]) for n in range(count)]
    data, told = build(_BatchBuilder, records, 10**7)
    assert None not in told
    batch = MemoryRecords(data).next_batch()
    assert batch.validate_crc()
    for record, (timestamp, _, value, headers) in itertools.zip_longest(batch, records):
        assert (record.timestamp, record.value, record.headers) == (timestamp, value, headers)
