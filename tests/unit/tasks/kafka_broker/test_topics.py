"""What is asked of Kafka for a queue."""

from tasks.kafka_broker.config import QueueOptions, resolve
from tasks.kafka_broker.topics import topic_specs


def _specs(options: QueueOptions) -> dict[str, dict[str, object]]:
    return topic_specs(resolve(options, "q", namespace="", group_id="g", num_partitions=6))


def test_what_is_left_open_is_the_clusters_choice() -> None:
    spec = _specs(QueueOptions())["q"]
    assert spec == {"num_partitions": 6, "replication_factor": -1, "configs": {}}


def test_what_is_given_is_asked_for() -> None:
    options = QueueOptions(num_partitions=2, replication_factor=3, retention_ms=60_000)
    spec = _specs(options)["q"]
    assert spec["num_partitions"] == 2
    assert spec["replication_factor"] == 3
    assert spec["configs"] == {"retention.ms": "60000"}


def test_dead_letters_are_kept_for_a_month_in_one_partition_with_room_for_their_headers() -> None:
    spec = _specs(QueueOptions())["q.dlq"]
    assert spec["num_partitions"] == 1
    assert spec["configs"] == {"retention.ms": "2592000000", "max.message.bytes": "10485760"}
