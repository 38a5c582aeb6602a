"""What a Kafka that does not answer for longer than a send may take leaves behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest

from devstack.kafka import Kafka
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker


class Frozen:
    """A Kafka that can be made to answer nobody, with all connections open."""

    def __init__(self, kafka: Kafka) -> None:
        self.bootstrap = kafka.bootstrap
        self._pid = _pid_of(kafka)

    def freeze(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


def _pid_of(kafka: Kafka) -> int:
    """Find the process by its configuration file, which no other has."""
    wanted = str(kafka.data_dir / "server.properties").encode()
    for process in Path("/proc").glob("[0-9]*"):
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        if wanted in arguments and b"kafka.Kafka" in arguments and arguments[0].endswith(b"java"):
            return int(process.name)
    raise AssertionError(f"nobody runs {wanted!r}")


@pytest.fixture
def frozen(own_kafka: Kafka) -> Iterator[Frozen]:
    frozen = Frozen(own_kafka)
    yield frozen
    frozen.thaw()


def test_a_producer_that_gave_up_a_record_under_way_sends_the_next_ones(
    frozen: Frozen, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """kafka-python's never sends again: each `send` of the process would fail until it restarts."""
    broker = make_broker(bootstrap_servers=[frozen.bootstrap], publish_timeout_s=1.0)
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    go.send(0)
    frozen.freeze()
    for _ in range(2):
        with pytest.raises(dramatiq.errors.BrokerConnectionError):
            go.send(1)
    frozen.thaw()

    def sends() -> bool:
        try:
            go.send(2)
        except dramatiq.errors.BrokerConnectionError:
            return False
        return True

    eventually(sends, within_s=20)
    go.send(3)
    go.send_with_options(args=(4,), delay=10)
    start_worker(broker)
    eventually(lambda: {0, 2, 3, 4} <= set(seen), within_s=20)
