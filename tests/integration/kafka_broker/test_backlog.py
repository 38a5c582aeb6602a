"""How much of a queue is left, over its lanes and what is done above the watermark."""

import contextlib

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.backlog import Backlog
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.config import resolve
from tasks.kafka_broker.progress import encode_done
from tests.integration.kafka_broker.support import Log, MakeBroker


@pytest.fixture
def broker(make_broker: MakeBroker) -> KafkaBroker:
    broker = make_broker(num_partitions=2, queues={"default": QueueOptions(lanes=True)})
    broker.declare_queue("default")
    broker.ensure_topics()
    return broker


def test_all_lanes_count_and_what_is_done_above_the_watermark_does_not(
    broker: KafkaBroker, kafka_bootstrap: str, log: Log
) -> None:
    queue = broker.queues["default"]
    for topic in queue.lane_topics.values():
        for partition in (0, 1):
            for _ in range(5):
                log.write(topic, b"{}", partition=partition)
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=queue.group_id)
    ) as consumer:
        place = TopicPartition(queue.lane_topics["high"], 1)
        consumer.commit({place: OffsetAndMetadata(1, encode_done(1, {2, 4}), -1)})
    with Backlog(Clients([kafka_bootstrap], {}), queue) as backlog:
        assert backlog.count_unfinished() == 30 - 1 - 2
        (high,) = (b for b in backlog.partitions() if (b.lane, b.partition) == ("high", 1))
        assert (high.committed, high.done_ahead, high.end, high.unfinished) == (1, 2, 5, 2)
        backlog.drop()
        assert backlog.count_unfinished() == 0
        assert {b.begin for b in backlog.partitions()} == {5}


def test_a_queue_that_was_never_used_holds_nothing(kafka_bootstrap: str) -> None:
    queue = resolve(QueueOptions(), "never-used", namespace="", group_id="g", num_partitions=1)
    with Backlog(Clients([kafka_bootstrap], {}), queue) as backlog:
        backlog.drop()
        assert backlog.partitions() == []
