"""From `send` to a record on Kafka, or to an error in time."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import dramatiq
import pytest

from tasks.kafka_broker import BrokerObserver, RecordTooLargeError
from tests.integration.kafka_broker.support import Log, MakeBroker


def test_a_task_is_a_plain_json_record_with_its_envelope_in_headers(
    make_broker: MakeBroker, log: Log
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def parse(job_id: str, user_id: str, file_name: str) -> None: ...

    message = parse.send_with_options(
        kwargs={"job_id": "j1", "user_id": "u1", "file_name": "hồ sơ.pdf"}, key="j1"
    )
    (record,) = log.read(broker.queues["default"].topic)
    assert record.key == b"j1"
    assert record.value == rb'{"job_id":"j1","user_id":"u1","file_name":"h\u1ed3 s\u01a1.pdf"}'
    headers = dict(record.headers)
    assert headers["dramatiq-message-id"] == message.message_id.encode()
    assert headers["dramatiq-actor"] == b"parse"


def test_many_threads_share_one_producer_and_its_batches(make_broker: MakeBroker, log: Log) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None: ...

    broker.ensure_topics()
    threads = [threading.Thread(target=go.send, args=[number]) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.read(broker.queues["default"].topic)) == 50


class Counts(BrokerObserver):
    def __init__(self) -> None:
        self.published = 0
        self.failed: list[str] = []

    def on_published(self, topic: str, duration_s: float) -> None:  # noqa: ARG002
        self.published += 1

    def on_publish_failed(self, topic: str, error: BaseException) -> None:  # noqa: ARG002
        self.failed.append(type(error).__name__)


@pytest.mark.parametrize("refuser", ["client", "Kafka"])
def test_a_record_that_is_too_large_is_refused_and_the_next_one_goes(
    make_broker: MakeBroker, refuser: str
) -> None:
    """A record that Kafka itself refuses leaves kafka-python's producer unusable."""
    counts = Counts()
    limit_bytes = 1_000_000 if refuser == "client" else 5_000_000
    broker = make_broker(observer=counts, max_request_size=limit_bytes)

    @dramatiq.actor(broker=broker)
    def go(text: str) -> None: ...

    with pytest.raises(RecordTooLargeError, match="MessageSizeTooLargeError"):
        go.send("x" * 2_000_000)
    assert counts.failed == ["MessageSizeTooLargeError"]
    go.send("small")
    assert counts.published == 1


@pytest.fixture
def mute_server() -> Iterator[str]:
    """An address that takes connections and never answers, like a host behind a bad firewall."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


_SEND_TO_NOBODY = """
import sys, threading, time, dramatiq
from tasks.kafka_broker import KafkaBroker
from dramatiq.errors import ConnectionFailed

broker = KafkaBroker(bootstrap_servers=[sys.argv[1]], publish_timeout_s=1)

@dramatiq.actor(broker=broker)
def go(): ...

for _ in range(2):
    began_at = time.monotonic()
    try:
        go.send()
    except ConnectionFailed as error:
        print(error)
    # Generous for a slow machine; kafka-python's own patience is 30 s and more.
    assert time.monotonic() - began_at < 15
assert not broker.is_reachable(0.5)
# kafka-python leaves the threads of a client that never connected: one more at each attempt.
assert threading.active_count() == 1, threading.enumerate()
"""


@pytest.mark.parametrize("address", ["mute_server", "closed_port"])
def test_publishing_to_nobody_fails_within_its_timeout_and_says_so(
    address: str, request: pytest.FixtureRequest
) -> None:
    """In a process of its own, because kafka-python leaves sockets to the garbage collector."""
    server = request.getfixturevalue(address)
    done = subprocess.run(
        [sys.executable, "-c", _SEND_TO_NOBODY, server],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"Kafka at {server} is not reachable") == 2


def test_a_live_kafka_is_reachable_before_and_after_the_first_message(
    make_broker: MakeBroker,
) -> None:
    broker = make_broker()
    assert broker.is_reachable(20)
    assert broker.is_reachable(20)
