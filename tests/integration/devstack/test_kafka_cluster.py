"""Three brokers lose one, then their controller: what was acknowledged is still there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource

from tests.eventually import eventually
from tests.services.kafka_cluster import KafkaCluster
from tests.services.servers import reported
from tests.services.topics import TopicReader

TOPIC = "kept"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(tmp_path)
    cluster.start()
    reported.append(cluster)
    yield cluster
    reported.remove(cluster)
    for index in range(3):
        cluster.kill(index)


@pytest.mark.timeout(300)  # four starts of a JVM, and the elections
def test_an_acknowledged_record_survives_a_broker_and_then_the_controller(
    cluster: KafkaCluster,
) -> None:
    controller = cluster.controller()
    leader, other = (index for index in range(3) if index != controller)
    create_topic(cluster, replicas=[leader, other, controller])
    assert list(copies(cluster).values()) == ["3", "3", "2"]
    assert cluster.leader(TOPIC, 0) == leader
    write(cluster, b"one")

    cluster.kill(leader)
    assert not cluster.is_in_sync()
    assert cluster.leader(TOPIC, 0) != leader
    write(cluster, b"two")

    cluster.restart(leader)
    eventually(cluster.is_in_sync, within_s=60)
    cluster.pause(controller)
    assert cluster.controller() != controller
    cluster.kill(controller)  # the paused one
    assert cluster.leader(TOPIC, 0) != controller
    write(cluster, b"three")
    values = [record.value for record in TopicReader(cluster.bootstrap, TOPIC).records()]
    assert values == [b"one", b"two", b"three"]


def create_topic(cluster: KafkaCluster, *, replicas: list[int]) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=cluster.bootstrap)) as admin:
        brokers = [index + 1 for index in replicas]
        admin.create_topics({TOPIC: {"assignments": {0: brokers}}}, wait_for_metadata=True)


def copies(cluster: KafkaCluster) -> dict[str, str]:
    """Return how many brokers keep a topic that says nothing, and how many a write needs."""
    names = [
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "min.insync.replicas",
    ]
    with closing(KafkaAdminClient(bootstrap_servers=cluster.bootstrap)) as admin:
        resource = ConfigResource("BROKER", "1")
        config = admin.describe_configs([resource], config_filter="all")["broker"]["1"]
    return {name: config[name]["value"] for name in names}


def write(cluster: KafkaCluster, value: bytes) -> None:
    with closing(KafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all")) as producer:
        producer.send(TOPIC, value).get(timeout=60)
