"""The producer where clients usually break: after a fork and under gevent."""

import subprocess
import sys
import textwrap

import pytest

from tests.integration.kafka_broker.support import Log, MakeBroker

_PREAMBLE = """
import dramatiq
from tasks.kafka_broker import KafkaBroker

broker = KafkaBroker(
    bootstrap_servers=["{bootstrap}"], namespace="{prefix}", num_partitions=1, publish_timeout_s=10
)

@dramatiq.actor(broker=broker)
def go(name): ...
"""

_FORK = """
import os
go.send("parent before")
child = os.fork()
if not child:
    go.send("child")
    broker.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go.send("parent after")
broker.close()
"""

_GEVENT = """
import gevent
go.send("first")
gevent.joinall([gevent.spawn(go.send, str(n)) for n in range(100)], raise_error=True)
metrics = broker._publisher._producer.metrics()["producer-metrics"]
assert metrics["records-per-request-avg"] > 2, metrics["records-per-request-avg"]
assert broker.is_reachable(5)
broker.close()
"""


def _run(script: str, bootstrap: str, prefix: str, *, first: str = "") -> None:
    preamble = _PREAMBLE.format(bootstrap=bootstrap, prefix=prefix)
    done = subprocess.run(
        [sys.executable, "-c", first + preamble + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def topic(make_broker: MakeBroker) -> str:
    broker = make_broker()
    broker.declare_queue("default")
    return broker.queues["default"].topic


def test_a_forked_child_publishes_with_a_producer_of_its_own(
    kafka_bootstrap: str, topic_prefix: str, topic: str, log: Log
) -> None:
    """A client made before a fork has no threads in the child and hangs there."""
    _run(_FORK, kafka_bootstrap, topic_prefix)
    args = [dict(record.headers)["dramatiq-args"] for record in log.read(topic)]
    assert args == [b'["parent before"]', b'["child"]', b'["parent after"]']


def test_greenlets_share_one_producer_and_its_batches(
    kafka_bootstrap: str, topic_prefix: str, topic: str, log: Log
) -> None:
    """The web process: gunicorn's gevent worker patches before it imports the application."""
    first = "from gevent import monkey; monkey.patch_all()\n"
    _run(_GEVENT, kafka_bootstrap, topic_prefix, first=first)
    assert len(log.read(topic)) == 101
