"""A plain Kafka client to look at what brokers did from outside, and the fixtures' types."""

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dramatiq
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from devstack.process import ROOT
from tasks.kafka_broker import KafkaBroker

MakeBroker = Callable[..., KafkaBroker]
StartWorker = Callable[..., dramatiq.Worker]
StartProcess = Callable[..., "subprocess.Popen[bytes]"]


class Log:
    """Kafka as any other client sees it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=5 * 1024**2)

    def read(self, topic: str) -> list[Any]:
        """Return every record of a topic, partition by partition."""
        with contextlib.closing(
            KafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        ) as consumer:
            partitions = [TopicPartition(topic, p) for p in range(self.partition_count(topic))]
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(partitions)
            records: list[Any] = []
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                records.extend(itertools.chain(*consumer.poll(200).values()))
            return sorted(records, key=lambda record: (record.partition, record.offset))

    def write(self, topic: str, value: bytes | None, **record: Any) -> None:
        """Write one record and wait for it."""
        self.producer.send(topic, value=value, **record).get(10)

    def committed(self, broker: KafkaBroker, queue_name: str = "default") -> dict[int, int]:
        """Return the group's next offset by partition."""
        queue = broker.queues[queue_name]
        with contextlib.closing(
            KafkaConsumer(bootstrap_servers=self._bootstrap, group_id=queue.group_id)
        ) as consumer:
            offsets = {
                partition: consumer.committed(TopicPartition(queue.topic, partition))
                for partition in range(self.partition_count(queue.topic))
            }
        return {partition: offset for partition, offset in offsets.items() if offset is not None}

    def partition_count(self, topic: str) -> int:
        (description,) = self.admin.describe_topics([topic])
        return len(description["partitions"])

    def close(self) -> None:
        self.producer.close(timeout=5)
        self.admin.close()


def run_page(
    program: str, places: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run what a page of docs/ has its reader write, with our servers in the places of his."""
    for place, ours in places.items():
        assert place in program
        program = program.replace(place, ours)
    (folder / "app.py").write_text(program)
    return subprocess.run(
        [sys.executable, folder / "app.py"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
