"""100,000 tasks while four workers are killed and replaced at random: all run, hardly one twice."""

import random
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.kafka_broker import KafkaBroker
from tests.eventually import eventually
from tests.integration.kafka_broker import noting_process
from tests.integration.kafka_broker.noting_process import THREADS, Run
from tests.integration.kafka_broker.support import Log, StartProcess

COUNT = 100_000
WORKERS = 4
RESTARTS = 16
#: What a worker may have done without Kafka knowing, on top of what it ran; docs/broker.md.
MAX_UNACKNOWLEDGED = 500
#: A dead member's partitions wait this long; the default is 8 s. Kafka's own least is 6 s.
OPTIONS = {"num_partitions": 8, "session_timeout_ms": 3000, "heartbeat_interval_ms": 500}


class Storm:
    """Workers that are replaced, and what became of each."""

    def __init__(self, start: StartProcess, seed: int) -> None:
        self._start = start
        self._random = random.Random(seed)
        self._workers = [start(**OPTIONS) for _ in range(WORKERS)]
        self._stopped: list[subprocess.Popen[bytes]] = []
        self.killed: set[int] = set()

    def strike(self, number: int) -> None:
        """Kill or stop one worker, and start another without waiting for its end."""
        place = self._random.randrange(WORKERS)
        worker = self._workers[place]
        # By turns, so that there are as many of each whatever the seed.
        if number % 2:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            self.killed.add(worker.pid)
        else:
            worker.send_signal(signal.SIGTERM)
            self._stopped.append(worker)
        self._workers[place] = self._start(**OPTIONS)

    def exit_codes(self) -> set[int]:
        """Return those of the workers that were told to stop."""
        return {worker.wait(30) for worker in self._stopped}


class Commits:
    """Watches the group's positions."""

    def __init__(self, log: Log, broker: KafkaBroker) -> None:
        self._admin = log.admin
        self._group_id = broker.queues["default"].group_id
        self._seen: dict[Any, int] = {}
        self.went_back: list[tuple[Any, int, int]] = []

    def look(self) -> None:
        offsets = self._admin.list_group_offsets({self._group_id: None})[self._group_id]
        for partition, commit in offsets.items():
            before = self._seen.get(partition, 0)
            if commit.offset < before:
                self.went_back.append((partition, before, commit.offset))
            self._seen[partition] = commit.offset


@pytest.fixture
def broker(kafka_bootstrap: str, topic_prefix: str, noted: Path) -> Iterator[KafkaBroker]:
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **OPTIONS)
    noting_process.declare_go(broker, noted)
    yield broker
    broker.close()


def _repeats(runs: list[Run]) -> Counter[int]:
    """Count, by the process that ran it first, what ran again."""
    by_number: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_number[run.number].append(run)
    return Counter(run.pid for same in by_number.values() for run in same[:-1])


@pytest.mark.timeout(180)
def test_in_a_storm_of_restarts_each_task_runs_and_only_what_a_kill_hit_runs_again(
    broker: KafkaBroker, start_process: StartProcess, noted: Path, log: Log
) -> None:
    """Every rebalance moves partitions whose tasks run, and some come in the middle of another."""
    go = broker.get_actor("go")
    broker.enqueue_many(go.message(number) for number in range(COUNT))
    storm, commits = Storm(start_process, seed=1), Commits(log, broker)

    def has_run(count: int) -> bool:
        done = noted.read_bytes().count(b"\n")
        if done:
            commits.look()
        return done >= count

    for number in range(RESTARTS):
        # Spread over the whole backlog, however quick the machine is.
        eventually(lambda: has_run(number * COUNT // RESTARTS + 100), within_s=60)  # noqa: B023
        storm.strike(number)
    eventually(lambda: has_run(COUNT), within_s=60)
    broker.join("default", timeout=60_000)
    # Some are told to stop before they have begun to listen.
    assert storm.exit_codes() <= {0, -signal.SIGTERM}
    assert commits.went_back == []
    runs = noting_process.runs(noted)
    assert {run.number for run in runs} == set(range(COUNT))
    repeats = _repeats(runs)
    assert repeats.keys() <= storm.killed
    assert all(count <= THREADS + MAX_UNACKNOWLEDGED for count in repeats.values())
