"""Brokers and workers that end with the test, and a look at Kafka from outside.

pytest loads this file before it knows which warnings to ignore, so it imports no driver.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import dramatiq

    from devstack.kafka import Kafka
    from tasks.kafka_broker import KafkaBroker
    from tests.integration.kafka_broker.support import Log, MakeBroker, StartProcess, StartWorker


@pytest.fixture(scope="session")
def log(kafka_bootstrap: str) -> "Iterator[Log]":
    from tests.integration.kafka_broker.support import Log

    client = Log(kafka_bootstrap)
    yield client
    client.close()


@pytest.fixture
def make_broker(kafka_bootstrap: str, topic_prefix: str) -> "Iterator[MakeBroker]":
    """Make brokers of one namespace, as several processes of one application would."""
    from tasks.kafka_broker import KafkaBroker

    brokers: list[KafkaBroker] = []

    def make(**options: Any) -> "KafkaBroker":
        settings = {
            "bootstrap_servers": [kafka_bootstrap],
            "namespace": topic_prefix,
            "num_partitions": 1,
            "publish_timeout_s": 10.0,
            "put_back_delay_s": 0.2,
            # How soon a member hears of a rebalance.
            "heartbeat_interval_ms": 300,
        }
        brokers.append(KafkaBroker(**{**settings, **options}))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.close()


@pytest.fixture
def start_worker(make_broker: "MakeBroker") -> "Iterator[StartWorker]":  # noqa: ARG001 - outlives us
    import dramatiq

    workers: list[dramatiq.Worker] = []

    def start(broker: "KafkaBroker", *, threads: int = 4) -> "dramatiq.Worker":
        worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.stop(timeout=5000)


@pytest.fixture
def own_kafka(tmp_path: "Path") -> "Iterator[Kafka]":
    """A Kafka that may be killed."""
    from devstack import ports
    from devstack.kafka import Kafka

    kafka = Kafka(tmp_path / "kafka", ports.free_port())
    kafka.start()
    yield kafka
    kafka.stop()


@pytest.fixture
def noted(tmp_path: "Path") -> "Path":
    """Where workers in processes of their own note their runs."""
    path = tmp_path / "runs"
    path.touch()
    return path


@pytest.fixture
def start_process(
    kafka_bootstrap: str, topic_prefix: str, noted: "Path"
) -> "Iterator[StartProcess]":
    """Start `noting_process.py` with some of `KafkaBroker`'s options."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> "subprocess.Popen[bytes]":
        module = "tests.integration.kafka_broker.noting_process"
        arguments = [kafka_bootstrap, topic_prefix, str(noted), json.dumps(options)]
        processes.append(subprocess.Popen([sys.executable, "-m", module, *arguments]))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
