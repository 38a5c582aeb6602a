"""Read and write a Kafka topic as any other Kafka client would."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from tests.eventually import eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition


class TopicReader:
    """Reads a whole topic; a new look begins at its start."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap = bootstrap
        self.name = name

    def records(self) -> list[Any]:
        """Return all records that the topic holds now."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        with closing(consumer):
            partitions = [
                TopicPartition(self.name, p) for p in consumer.partitions_for_topic(self.name) or ()
            ]
            if not partitions:
                return []
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            return list(_drain(consumer, consumer.end_offsets(partitions)))

    def find(self, *, key: bytes) -> Any:
        """Wait for the one record with this key."""
        found = self._wait(lambda record: record.key == key)
        assert len(found) == 1, f"{len(found)} records have the key {key!r}"
        return found[0]

    def find_from(self, partition: int, offset: int) -> Any:
        """Wait for the one dead letter of this record."""

        def is_of(record: Any) -> bool:
            headers = dict(record.headers)
            place = (headers["kafka_dlt-original-partition"], headers["kafka_dlt-original-offset"])
            return place == (partition.to_bytes(4), offset.to_bytes(8))

        found = self._wait(is_of)
        assert len(found) == 1, f"{len(found)} dead letters of {partition}:{offset}"
        return found[0]

    def _wait(self, wanted: Callable[[Any], bool]) -> list[Any]:
        return eventually(
            lambda: [record for record in self.records() if wanted(record)], within_s=30
        )


def produce(bootstrap: str, topic: str, value: bytes | None, **options: Any) -> Any:
    """Write one record and return its metadata (partition, offset)."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    with closing(producer):
        return producer.send(topic, value=value, **options).get(timeout=30)


def lag_of(bootstrap: str, group: str, topic: str) -> int:
    """Return how many records of the topic the group has not committed."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    with closing(consumer), closing(admin):
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        ends = consumer.end_offsets(partitions)
        offsets = admin.list_group_offsets([group])[group]
        committed = {tp: _offset(offsets.get(tp)) for tp in partitions}
    return sum(ends[tp] - committed[tp] for tp in partitions)


def _offset(committed: Any) -> int:
    return max(0, getattr(committed, "offset", 0)) if committed else 0


def _drain(consumer: Any, ends: dict[Any, int]) -> Iterator[Any]:
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            yield from records
