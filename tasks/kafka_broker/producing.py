"""Hand records to kafka-python's producer in two thirds of its time.

A record's way into a batch is most of what a message costs its sender. Only that is ours: kafka-
python checks each header, adds up a record's size twice and writes it byte by byte. Batches,
requests, retries, idempotence and the rest stay its own, and so does the whole way of a record that
is near the limit of size or whose topic is not known yet. Format: Kafka's message format v2, at
kafka.apache.org/documentation/#record.
"""

import random
import time
from typing import Any

from kafka import KafkaProducer
from kafka.errors import IllegalStateError
from kafka.partitioner.default import DefaultPartitioner
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.default_records import DefaultRecordBatchBuilder, DefaultRecordMetadata
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

_FORMAT = 2
#: A record has this much besides its key, value and headers, at most; and each header.
_OVERHEAD_BYTES = 100
#: How long a partition that lost its leader may still be chosen.
_AVAILABLE_FOR_S = 0.1


class QuickProducer(KafkaProducer):  # type: ignore[misc] # untyped driver
    """A KafkaProducer for keys, values and headers that are bytes already."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        accumulator = self._accumulator
        # A partitioner that wants to hear of each new batch (KIP-480) is kafka-python's business.
        is_told = hasattr(self.config["partitioner"], "on_new_batch")
        self._is_quick = accumulator.config["message_version"] == _FORMAT and not is_told
        if self._is_quick:
            accumulator.__class__ = _Accumulator
        self._is_default = type(self.config["partitioner"]) is DefaultPartitioner
        self._available: dict[str, tuple[float, list[int]]] = {}

    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: list[tuple[str, bytes]] | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Any:
        """Send as KafkaProducer does, and return the same future."""
        headers = headers or []
        size = _OVERHEAD_BYTES * (1 + len(headers)) + len(key or b"") + len(value or b"")
        for name, data in headers:
            size += 4 * len(name) + len(data)
        metadata = self._metadata
        if (
            not self._is_quick
            or self._closed
            or size > self.config["max_request_size"]
            or metadata.partitions_for_topic(topic) is None
        ):
            return super().send(topic, value, key, headers, partition, timestamp_ms)
        if partition is None and key is None and self._is_default:
            partition = self._anywhere(topic)
        else:
            partition = self._partition(topic, partition, key, value, key, value)
        place = TopicPartition(topic, partition)
        future, is_full, is_new, _ = self._accumulator.append(
            place, timestamp_ms, key, value, headers
        )
        if is_full or is_new:
            self._sender.wakeup()
        return future

    def _anywhere(self, topic: str) -> int:
        """Return any partition that has a leader, as DefaultPartitioner does for each record."""
        known = self._available.get(topic)
        if known is None or known[0] < time.monotonic():
            partitions = self._metadata.available_partitions_for_topic(topic)
            partitions = partitions or self._metadata.partitions_for_topic(topic)
            known = (time.monotonic() + _AVAILABLE_FOR_S, list(partitions))
            self._available[topic] = known
        return random.choice(known[1])  # noqa: S311 - no secret


class _Accumulator(RecordAccumulator):  # type: ignore[misc]
    """Where records wait to be sent; its batches are written quickly."""

    def append(
        self,
        tp: TopicPartition,
        timestamp_ms: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        **options: Any,
    ) -> tuple[Any, bool, bool, bool]:
        if options or self._closed:
            return super().append(tp, timestamp_ms, key, value, headers, **options)  # type: ignore[no-any-return]
        now = time.monotonic()
        # `abortIncompleteBatches` waits for those that are here.
        self._appends_in_progress.increment()
        try:
            with self._tp_lock(tp):
                batches = self._batches[tp]
                if batches:
                    last = batches[-1]
                    future = last.try_append(timestamp_ms, key, value, headers, now=now)
                    if future is not None:
                        return future, len(batches) > 1 or last.records.is_full(), False, False
                if self._closed:
                    raise IllegalStateError("the producer was closed")
                batch = _Batch(tp, self._new_records(), now=now)
                future = batch.try_append(timestamp_ms, key, value, headers, now=now)
                batches.append(batch)
                self._incomplete.add(batch)
                return future, len(batches) > 1 or batch.records.is_full(), True, False
        finally:
            self._appends_in_progress.decrement()

    def _new_records(self) -> Any:
        config = self.config
        records = MemoryRecordsBuilder(_FORMAT, config["compression_attrs"], config["batch_size"])
        records._builder.__class__ = _BatchBuilder  # noqa: SLF001 - it makes one by that name
        return records


class _Batch(ProducerBatch):  # type: ignore[misc]
    def try_append(
        self: Any,  # the driver's attributes have no types
        timestamp_ms: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        now: float,
    ) -> Any:
        """Return the record's future; None when there is no room."""
        metadata = self.records.append(timestamp_ms, key, value, headers)
        if metadata is None:
            return None
        self.max_record_size = max(self.max_record_size, metadata.size)
        self.last_append = now
        # Nobody here asks for the sizes of key, value and headers.
        future = FutureRecordMetadata(
            self.produce_future, metadata.offset, metadata.timestamp, None, -1, -1, -1
        )
        self._record_futures.append(future)
        return future


class _BatchBuilder(DefaultRecordBatchBuilder):  # type: ignore[misc]
    __slots__ = ()

    def append(
        self: Any,  # as above
        offset: int,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
    ) -> Any:
        """Write a record behind the others; None when the batch has no room for it."""
        if timestamp is None:
            timestamp = int(time.time() * 1000)
        is_first = self._first_timestamp is None
        delta = 0 if is_first else timestamp - self._first_timestamp
        parts = [b"\0", _varint(delta), _varint(offset)]
        for data in (key, value):
            parts += (_NONE,) if data is None else (_varint(len(data)), data)
        parts.append(_varint(len(headers)))
        for name, data in headers:
            parts += (_names.get(name) or _encode_name(name), _varint(len(data)), data)
        body = b"".join(parts)
        length = _varint(len(body))
        size = len(length) + len(body)
        buffer = self._buffer
        if not is_first and len(buffer) + size > self._batch_size:
            return None
        if is_first:
            self._first_timestamp = self._max_timestamp = timestamp
        elif timestamp > self._max_timestamp:
            self._max_timestamp = timestamp
        self._num_records += 1
        self._last_offset = offset
        buffer += length
        buffer += body
        return DefaultRecordMetadata(offset, size, timestamp)


def _encode_varint(value: int) -> bytes:
    """Return a zigzag varint (protobuf's sint64)."""
    rest = ((value << 1) ^ (value >> 63)) & 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


_SHORT = [_encode_varint(value) for value in range(2**13)]
_NONE = _encode_varint(-1)

#: Encoded names of headers, of which there are few; other programs' may be any.
_names: dict[str, bytes] = {}
_MAX_NAMES = 1_000


def _varint(value: int) -> bytes:
    return _SHORT[value] if 0 <= value < len(_SHORT) else _encode_varint(value)


def _encode_name(name: str) -> bytes:
    data = name.encode()
    encoded = _varint(len(data)) + data
    if len(_names) < _MAX_NAMES:
        _names[name] = encoded
    return encoded
