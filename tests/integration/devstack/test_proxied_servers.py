"""A proxy between a server and its clients: what they discover leads through it as well."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pymongo
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from pymongo.errors import PyMongoError

from devstack import ports
from devstack.kafka import Kafka
from devstack.mongod import Mongod
from tests.eventually import eventually
from tests.services.tcp_proxy import TcpProxy

TOPIC = "kept"


@pytest.fixture
def port() -> int:
    """Where the server listens."""
    return ports.free_port()


@pytest.fixture
def proxy(port: int) -> Iterator[TcpProxy]:
    with TcpProxy((ports.LOOPBACK, port)) as proxy:
        yield proxy


@pytest.fixture
def kafka(tmp_path: Path, port: int, proxy: TcpProxy) -> Iterator[Kafka]:
    server = Kafka(tmp_path, port, advertised_port=proxy.port)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mongod(tmp_path: Path, port: int, proxy: TcpProxy) -> Iterator[Mongod]:
    server = Mongod(tmp_path, port, advertised_port=proxy.port)
    server.start()
    yield server
    server.kill()


def test_a_producer_works_through_a_proxy_and_times_out_when_it_swallows(
    kafka: Kafka, proxy: TcpProxy
) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=kafka.direct_bootstrap)) as admin:
        admin.create_topics({TOPIC: {}}, wait_for_metadata=True)
    assert proxy.connections == 0
    producer = KafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        acks="all",
        request_timeout_ms=1000,
        delivery_timeout_ms=4000,
        # With it, kafka-python 3.0.12 never sends again after it gave up a record under way.
        enable_idempotence=False,
    )
    with closing(producer):
        eventually(lambda: delivered(producer, b"one"), within_s=30)
        proxy.blackhole()
        lost = producer.send(TOPIC, b"two")
        with pytest.raises(KafkaError):
            lost.get(timeout=30)
        eventually(lambda: proxy.hits, why="it swallowed something")
        kafka.stop()
        kafka.start()  # which needs no proxy
        proxy.heal()
        assert eventually(lambda: delivered(producer, b"three"), within_s=30).offset >= 1


def delivered(producer: KafkaProducer, value: bytes) -> Any:
    """Return where the record is; None when that took longer than the producer's short time."""
    with suppress(KafkaError):
        return producer.send(TOPIC, value).get(timeout=30)
    return None


def test_a_mongo_client_works_through_a_proxy_and_times_out_when_it_swallows(
    mongod: Mongod, proxy: TcpProxy
) -> None:
    with (
        pymongo.MongoClient[dict[str, Any]](mongod.direct_uri) as direct,
        pymongo.MongoClient[dict[str, Any]](mongod.uri, timeoutMS=1000) as client,
    ):
        with pymongo.timeout(30):
            client.test.things.insert_one({"_id": "one"})
        assert client.nodes == {(ports.LOOPBACK, proxy.port)}
        proxy.blackhole()
        with pytest.raises(PyMongoError) as failure:
            client.test.things.insert_one({"_id": "two"})
        assert failure.value.timeout
        eventually(lambda: proxy.hits, within_s=30, why="it swallowed something")
        assert direct.test.things.count_documents({}) == 1
        proxy.heal()
        with pymongo.timeout(30):
            client.test.things.insert_one({"_id": "three"})
