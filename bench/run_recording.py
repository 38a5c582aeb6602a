"""What recording runs costs: how fast a worker drains no-op tasks with `RunRecorder` and without.

`python -m bench.run_recording` starts a Kafka and a mongod of its own, drains the same number of
tasks by turns with and without, and prints the medians and their ratios: of the rate, and of the
worker's processor time for a task, which says the same and suffers less from a machine that has
other work. The one with it has `ObeyControl` as well, as in the service's worker.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import dramatiq
import pymongo

from devstack import ports
from devstack.kafka import Kafka
from devstack.mongod import Mongod
from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.control import ObeyControl
from tasks.kafka_broker.runs import RunRecorder

TASKS, ROUNDS = 200_000, 3
_WARM_UP = 5_000
_PARTITIONS, _THREADS = 8, 8
KINDS = ("without", "with")


class Drained(NamedTuple):
    """How a worker drained its queue."""

    tasks_per_s: float
    #: Of the whole process, for one task.
    cpu_us: float


def main() -> None:
    """Measure each kind as often as the other, in turn."""
    with tempfile.TemporaryDirectory() as directory:
        kafka = Kafka(Path(directory) / "kafka", ports.free_port())
        mongod = Mongod(Path(directory) / "mongod", ports.free_port())
        kafka.start()
        mongod.start()
        try:
            _compare(_measure(kafka.bootstrap, mongod.uri))
        finally:
            mongod.stop()
            kafka.stop()


def drain(bootstrap: str, namespace: str, mongo_uri: str, kind: str) -> None:
    """Run the tasks; print how many a second, and their processor time; the process of a worker."""
    broker, done = _broker(bootstrap, namespace)
    with pymongo.MongoClient[dict[str, Any]](mongo_uri) as client:
        if kind == "with":
            broker.add_middleware(ObeyControl(client["bench"]))
            broker.add_middleware(RunRecorder(client["bench"]))
        worker = dramatiq.Worker(broker, worker_threads=_THREADS)
        worker.start()
        print(*done())
        worker.stop()
        broker.close()


def _measure(bootstrap: str, mongo_uri: str) -> dict[str, list[Drained]]:
    results: dict[str, list[Drained]] = {kind: [] for kind in KINDS}
    for number in range(ROUNDS):
        # Neither is always first.
        for kind in KINDS if number % 2 else reversed(KINDS):
            namespace = f"recording-{number}-{kind}"
            broker, _ = _broker(bootstrap, namespace)
            go = broker.get_actor("go")
            for _ in range((_WARM_UP + TASKS) // _WARM_UP):
                broker.enqueue_many([go.message() for _ in range(_WARM_UP)])
            broker.close()
            command = [sys.executable, "-m", "bench.run_recording", bootstrap, namespace]
            ran = subprocess.run(
                [*command, mongo_uri, kind], check=True, capture_output=True, text=True
            )
            results[kind].append(Drained(*map(float, ran.stdout.split())))
            _say(f"round {number + 1}", kind, results[kind][-1])
    return results


def _broker(bootstrap: str, namespace: str) -> tuple[KafkaBroker, Any]:
    """Return a broker with one actor, and what waits for all its runs and returns their rate."""
    broker = KafkaBroker(
        bootstrap_servers=[bootstrap], namespace=namespace, num_partitions=_PARTITIONS
    )
    ended = threading.Event()
    numbers = itertools.count(1)
    # Wall clock and processor time of the process, when the count began and when it ended.
    marks: list[tuple[float, float]] = []

    @dramatiq.actor(broker=broker)
    def go() -> None:
        if (number := next(numbers)) in (_WARM_UP, _WARM_UP + TASKS):
            marks.append((time.monotonic(), time.process_time()))
            if number != _WARM_UP:
                ended.set()

    def done() -> Drained:
        ended.wait()
        (began_at, cpu_at_first_s), (ended_at, cpu_s) = marks
        return Drained(TASKS / (ended_at - began_at), 1e6 * (cpu_s - cpu_at_first_s) / TASKS)

    return broker, done


def _compare(results: dict[str, list[Drained]]) -> None:
    medians = {
        kind: Drained(*map(statistics.median, zip(*found, strict=True)))
        for kind, found in results.items()
    }
    for kind, median in medians.items():
        _say("median", kind, median)
    without, recording = (medians[kind] for kind in KINDS)
    rate = recording.tasks_per_s / without.tasks_per_s
    cpu = recording.cpu_us / without.cpu_us
    print(f"with recording: {rate:.1%} of the rate, {cpu:.1%} of the processor time")


def _say(what: str, kind: str, drained: Drained) -> None:
    rate, cpu_us = drained
    print(f"{what:8} {kind:8}{rate:10,.0f} tasks/s{cpu_us:8.1f} us of processor", flush=True)


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else drain(*sys.argv[1:])
