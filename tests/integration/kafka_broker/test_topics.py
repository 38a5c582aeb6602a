"""Topics are made on purpose, once, whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dramatiq.errors import BrokerConnectionError
from kafka.admin import ConfigResource, ConfigResourceType

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker


def _declare(make_broker: MakeBroker, **options: Any) -> KafkaBroker:
    broker = make_broker(**options)
    broker.declare_queue("default")
    return broker


def test_the_topic_and_its_dead_letter_topic_are_made_as_asked(
    make_broker: MakeBroker, log: Log
) -> None:
    options = QueueOptions(num_partitions=3, retention_ms=3_600_000)
    broker = _declare(make_broker, queues={"default": options})
    broker.ensure_topics()
    broker.ensure_topics()
    queue = broker.queues["default"]
    assert log.partition_count(queue.topic) == 3
    assert log.partition_count(queue.dead_letter_topic) == 1
    resource = ConfigResource(ConfigResourceType.TOPIC, queue.topic)
    configs = log.admin.describe_configs([resource])["topic"][queue.topic]
    assert configs["retention.ms"]["value"] == "3600000"


def test_many_processes_may_make_the_same_topics_at_once(make_broker: MakeBroker, log: Log) -> None:
    brokers = [_declare(make_broker, num_partitions=2) for _ in range(4)]
    with ThreadPoolExecutor(len(brokers)) as pool:
        list(pool.map(KafkaBroker.ensure_topics, brokers))
    assert log.partition_count(brokers[0].queues["default"].topic) == 2


def test_a_topic_grows_and_never_shrinks(make_broker: MakeBroker, log: Log) -> None:
    for wanted, expected in ((2, 2), (4, 4), (1, 4)):
        broker = _declare(make_broker, num_partitions=wanted)
        broker.ensure_topics()
        topic = broker.queues["default"].topic
        # Kafka answers a little before every one of its threads knows.
        eventually(lambda: log.partition_count(topic) == expected)  # noqa: B023 - called at once


def test_a_topic_kafka_refuses_is_an_error_that_names_it(make_broker: MakeBroker) -> None:
    options = QueueOptions(replication_factor=99)
    broker = _declare(make_broker, queues={"default": options})
    with pytest.raises(BrokerConnectionError, match=r"default.*InvalidReplicationFactorError"):
        broker.ensure_topics()
