"""Programs that send and end, send from children of every kind, or run under gunicorn."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from devstack import ports
from devstack.process import ROOT, Process
from tasks.kafka_broker import KafkaBroker
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker

#: kafka-python reads its schemas with what Python 3.11 deprecates.
_WARNINGS = (
    "error,ignore:read_text is deprecated:DeprecationWarning,"
    "ignore:open_text is deprecated:DeprecationWarning"
)

_PREAMBLE = """
import os, sys, threading, multiprocessing
import dramatiq
from tasks.kafka_broker import KafkaBroker

broker = KafkaBroker(
    bootstrap_servers="{bootstrap}", namespace="{prefix}", num_partitions=1, publish_timeout_s=10
)

@dramatiq.actor(broker=broker)
def go(name): ...
"""

_SEND_AND_END = """
threads = [threading.Thread(target=go.send, args=[f"{n}"]) for n in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
broker.enqueue_many([go.message(f"{n}") for n in range(20, 100)])
"""

_SEND_AND_EXIT = """
go.send("0")
raise SystemExit(3)
"""

_POOL = """
def send(n):
    go.send(f"{n}")

if __name__ == "__main__":
    go.send("parent")
    with multiprocessing.get_context("KIND").Pool(2) as pool:
        pool.map(send, range(20))
        pool.close()
        pool.join()
"""

_FORK_WHILE_OTHERS_SEND = """
def keep_sending():
    for n in range(200):
        go.send(f"parent {n}")

go.send("first")
thread = threading.Thread(target=keep_sending)
thread.start()
children = []
for n in range(4):
    child = os.fork()
    if not child:
        go.send(f"child {n}")
        broker.close()
        os._exit(0)
    children.append(child)
thread.join()
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
"""

_WORK_AND_FORK = """
done = threading.Event()

@dramatiq.actor(broker=broker, queue_name="work")
def work():
    child = os.fork()
    if not child:
        go.send("child of a task")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    done.set()

work.send()
worker = dramatiq.Worker(broker, queues={"work"}, worker_threads=2, worker_timeout=100)
worker.start()
assert done.wait(20)
worker.stop()
broker.close()
"""


class Programs:
    """Runs programs that send to one namespace, and reads what arrived."""

    def __init__(self, bootstrap: str, broker: KafkaBroker, prefix: str, directory: Path) -> None:
        broker.declare_queue("default")
        self._topic = broker.queues["default"].topic
        self._names = {"bootstrap": bootstrap, "prefix": prefix}
        self.directory = directory
        self.env = {
            **os.environ,
            "BOOTSTRAP": bootstrap,
            "NAMESPACE": prefix,
            "PYTHONPATH": str(ROOT),
        }

    def run(self, script: str, *, returncode: int = 0) -> None:
        """Run a script to its end; it may not even warn."""
        # A file: children that are spawned read it again.
        path = self.directory / "script.py"
        path.write_text(_PREAMBLE.format(**self._names) + script)
        done = subprocess.run(
            [sys.executable, path],
            env={**self.env, "PYTHONWARNINGS": _WARNINGS},
            capture_output=True,
            text=True,
            timeout=45,
            check=False,
        )
        assert done.returncode == returncode, done.stderr
        assert "Warning" not in done.stderr, done.stderr

    def sent(self, log: Log) -> set[str]:
        """Return the arguments on Kafka, which came once each."""
        records = log.read(self._topic)
        names = {json.loads(dict(record.headers)["dramatiq-args"])[0] for record in records}
        assert len(names) == len(records)
        return names


@pytest.fixture
def programs(
    kafka_bootstrap: str, topic_prefix: str, make_broker: MakeBroker, tmp_path: Path
) -> Programs:
    return Programs(kafka_bootstrap, make_broker(), topic_prefix, tmp_path)


def test_a_script_that_sends_from_threads_and_ends_loses_nothing(
    programs: Programs, log: Log
) -> None:
    """It closes nothing: the interpreter's end must neither hang nor drop records."""
    programs.run(_SEND_AND_END)
    assert programs.sent(log) == {str(n) for n in range(100)}


def test_a_script_that_exits_keeps_its_exit_code(programs: Programs, log: Log) -> None:
    programs.run(_SEND_AND_EXIT, returncode=3)
    assert programs.sent(log) == {"0"}


@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_a_pool_of_processes_sends(kind: str, programs: Programs, log: Log) -> None:
    programs.run(_POOL.replace("KIND", kind))
    assert programs.sent(log) == {"parent", *map(str, range(20))}


def test_children_forked_while_other_threads_send_do_not_hang(programs: Programs, log: Log) -> None:
    """A fork copies locks as they are: held ones stay held in the child."""
    programs.run(_FORK_WHILE_OTHERS_SEND)
    children = {f"child {n}" for n in range(4)}
    assert programs.sent(log) == {"first", *children, *(f"parent {n}" for n in range(200))}


def test_a_task_may_fork_and_send(programs: Programs, log: Log) -> None:
    programs.run(_WORK_AND_FORK)
    assert programs.sent(log) == {"child of a task"}


@pytest.mark.parametrize(
    ("worker_class", "preload"),
    [("gevent", False), ("gevent", True), ("gthread", False), ("gthread", True)],
)
def test_gunicorns_workers_send_with_producers_of_their_own(
    worker_class: str, preload: bool, programs: Programs, log: Log
) -> None:
    with _gunicorn(programs, worker_class, preload=preload, sends_at_import=False) as get:
        assert {get(f"/{n}") for n in range(30)} == {200}
    assert programs.sent(log) == {f"/{n}" for n in range(30)}


def test_gunicorns_parent_may_have_sent_before_it_forks(programs: Programs, log: Log) -> None:
    """Its workers inherit a client without threads."""
    with _gunicorn(programs, "gthread", preload=True, sends_at_import=True) as get:
        assert {get(f"/{n}") for n in range(30)} == {200}
    assert programs.sent(log) == {"parent", *(f"/{n}" for n in range(30))}


@contextlib.contextmanager
def _gunicorn(
    programs: Programs, worker_class: str, *, preload: bool, sends_at_import: bool
) -> Iterator[Callable[[str], int]]:
    """Yield what asks a gunicorn for a path; it must stop in order."""
    port = ports.free_port()
    # Without a file of its own it would read the service's, in the working directory.
    config = programs.directory / "gunicorn.conf.py"
    config.write_text("control_socket_disable = True\n")
    server = Process(
        "gunicorn",
        [
            *(sys.executable, "-m", "gunicorn", "tests.integration.kafka_broker.gunicorn_app:app"),
            *("--worker-class", worker_class, "--workers", "2", "--threads", "4"),
            *("--config", str(config), "--bind", f"{ports.LOOPBACK}:{port}"),
            *(["--preload"] if preload else []),
        ],
        log_path=programs.directory / "log",
        env={**programs.env, "SEND_AT_IMPORT": "yes" if sends_at_import else ""},
    )
    server.start()
    try:
        eventually(lambda: ports.is_busy(port), within_s=20)
        url = f"http://{ports.LOOPBACK}:{port}"
        yield lambda path: requests.get(url + path, timeout=30).status_code
        server.stop()
        assert "Traceback" not in server.log_tail(1000)
    finally:
        server.kill()
