"""Read the records of a fetched batch in a third of kafka-python's time, and ask less when idle.

Unpacking record by record was half of the processor time of a small task. Only the loop over the
records is ours, and how long a fetch may wait: requests, checksums, decompression, positions and
the rest stay kafka-python's, and so does all of it with `isolation_level="read_committed"`. Format:
Kafka's message format v2, at kafka.apache.org/documentation/#recordbatch.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError
from kafka.structs import TopicPartition

#: Kafka's default. It delays the first records of a partition that this worker is given.
_IDLE_FETCH_MS = 500
_Headers = list[tuple[str, bytes | None]]


class Record(NamedTuple):
    """What the rest of this package reads of a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: _Headers


class QuickRecords(Fetcher.PartitionRecords):  # type: ignore[misc] # untyped driver
    """The records of one partition in one response."""

    def _unpack_records(self, tp: TopicPartition, records: Any, *deserializers: Any) -> Any:
        if self.isolation_level != IsolationLevel.READ_UNCOMMITTED:
            return super()._unpack_records(tp, records, *deserializers)
        return self._unpack_quickly(tp, records)

    def _unpack_quickly(self, tp: TopicPartition, records: Any) -> Iterator[Record]:
        next_offset = None
        while (batch := records.next_batch()) is not None:
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"a batch of {tp} fails its checksum")
            if batch.magic < 2:  # noqa: PLR2004 - the format's number, last written by Kafka 0.10
                raise CorruptRecordError(f"a batch of {tp} is older than Kafka 0.11")
            self.leader_epoch = batch.leader_epoch
            # Control batches are the markers of transactions, and no records.
            for record in () if batch.is_control_batch else read_batch(batch, tp):
                self.records_read += 1
                self.next_fetch_offset = record.offset + 1
                yield record
            # Past the last record there may have been others, before compaction.
            self.next_fetch_offset = next_offset = batch.next_offset
            self.bytes_read += batch.size_in_bytes
        if next_offset is not None:
            self.next_fetch_offset = next_offset
        self.drain()


def tune_fetching(consumer: Any) -> None:
    """Make a KafkaConsumer return our records, and ask Kafka less often when there are none."""
    consumer._fetcher.PartitionRecords = QuickRecords  # noqa: SLF001 - it makes them by this name
    wait_long_when_idle(consumer)


def wait_long_when_idle(consumer: Any) -> None:
    """Let a fetch wait at Kafka for longer when nothing could be fetched beside it.

    Most of what an idle worker costs, here and at Kafka, are fetches that bring nothing. But one
    goes to a broker at a time: a partition that is left out, being full or read just now, has to
    wait for its end, so it may not be long then. New records end it at once in either case.
    """
    fetcher = consumer._fetcher  # noqa: SLF001 - no public way
    if fetcher.config["fetch_min_bytes"] > 1:
        return  # Kafka would hold a few records back for as long
    find_fetchable = fetcher._fetchable_partitions  # noqa: SLF001 - asked before each fetch
    usual_ms = fetcher.config["fetch_max_wait_ms"]
    idle_ms = max(usual_ms, _IDLE_FETCH_MS)

    def find_and_set_wait() -> Any:
        found = find_fetchable()
        is_all = len(found) == len(fetcher._subscriptions.assignment)  # noqa: SLF001
        fetcher.config["fetch_max_wait_ms"] = idle_ms if is_all else usual_ms
        return found

    fetcher._fetchable_partitions = find_and_set_wait  # noqa: SLF001


def read_batch(batch: Any, partition: TopicPartition) -> list[Record]:
    """Return the records of a batch; CorruptRecordError when it does not end where it should."""
    batch._maybe_uncompress()  # noqa: SLF001
    data = bytes(batch._buffer)  # noqa: SLF001
    pos = batch._pos  # noqa: SLF001
    is_append_time = batch.timestamp_type == batch.LOG_APPEND_TIME
    found = []
    try:
        for _ in range(batch.records_count):
            length, pos = _varint(data, pos)
            end = pos + length
            # One byte of attributes, which nothing uses.
            timestamp_delta, pos = _varint(data, pos + 1)
            offset_delta, pos = _varint(data, pos)
            key, pos = _bytes(data, pos)
            value, pos = _bytes(data, pos)
            headers, pos = _headers(data, pos)
            if pos != end:
                raise CorruptRecordError(f"a record of {partition} has another length than it says")
            found.append(
                Record(
                    partition.topic,
                    partition.partition,
                    batch.base_offset + offset_delta,
                    batch.max_timestamp
                    if is_append_time
                    else batch.first_timestamp + timestamp_delta,
                    key,
                    value,
                    headers,
                )
            )
    except (IndexError, ValueError) as error:
        raise CorruptRecordError(f"a record of {partition} cannot be read: {error}") from error
    if pos != len(data):
        raise CorruptRecordError(f"a batch of {partition} is longer than its records")
    return found


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    """Read a zigzag varint (protobuf's sint64); return it and the position behind it."""
    byte = data[pos]
    if byte < 0x80:  # noqa: PLR2004 - one byte, as nearly all of them
        return (byte >> 1) ^ -(byte & 1), pos + 1
    result = byte & 0x7F
    shift = 7
    while True:
        pos += 1
        byte = data[pos]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004
            return (result >> 1) ^ -(result & 1), pos + 1
        shift += 7
        if shift > 63:  # noqa: PLR2004 - of 64 bits
            raise ValueError("a number has more than 64 bits")


def _bytes(data: bytes, pos: int) -> tuple[bytes | None, int]:
    length, pos = _varint(data, pos)
    if length < 0:
        return None, pos
    end = pos + length
    return data[pos:end], end


def _headers(data: bytes, pos: int) -> tuple[_Headers, int]:
    count, pos = _varint(data, pos)
    if count < 0:
        raise ValueError("a negative number of headers")
    headers: _Headers = []
    for _ in range(count):
        name, pos = _bytes(data, pos)
        value, pos = _bytes(data, pos)
        # Kafka checks no names, and one that raised here would stop its partition for good.
        headers.append(((name or b"").decode(errors="replace"), value))
    return headers, pos
