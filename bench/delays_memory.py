"""What delayed messages cost: a worker's memory with 100 and with 100,000, and how late they run.

`python -m bench.delays_memory` starts a Kafka of its own and two workers, one for each number, and
prints a table. The messages are due within a day, half of them within the hour.
"""

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import dramatiq

from bench import memory
from devstack import ports
from devstack.kafka import Kafka
from tasks.kafka_broker import KafkaBroker

FEW, MANY = 100, 100_000
#: Of messages that fall due while we look, all within this time.
TIMED, TIMED_WITHIN_MS = 2_000, 20_000
_DAY_MS, _HOUR_MS, _SOON_MS = 86_400_000, 3_600_000, 120_000
_SETTLE_S = 5.0


def main() -> None:
    """Measure both numbers, one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        kafka = Kafka(Path(directory) / "kafka", ports.free_port())
        kafka.start()
        try:
            _say("delayed messages", "resident MiB", "late p50 ms", "p99", "max", "early")
            for count in (FEW, MANY):
                _measure(kafka.bootstrap, count, Path(directory) / f"runs-{count}")
        finally:
            kafka.stop()


def work(bootstrap: str, namespace: str, path: str) -> None:
    """Run the tasks; the process of a worker."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    broker = _broker(bootstrap, namespace, Path(path))
    worker = dramatiq.Worker(broker, worker_threads=4)
    worker.start()
    stopping.wait()
    worker.stop()
    broker.close()


def _measure(bootstrap: str, count: int, path: Path) -> None:
    namespace = f"delays-{count}"
    broker = _broker(bootstrap, namespace, path)
    go = broker.get_actor("go")
    for delay_ms in _delays_ms(count):
        broker.enqueue_many((go.message(0) for _ in range(count // FEW)), delay=delay_ms)
    command = [sys.executable, "-m", "bench.delays_memory", bootstrap, namespace, str(path)]
    # A session of its own, by which its memory is found.
    with subprocess.Popen(command, start_new_session=True) as worker:
        lateness_ms = _time(broker, path)
        time.sleep(_SETTLE_S)
        rss_mib = memory.of_sessions([worker.pid]).rss_mib
        worker.terminate()
    broker.close()
    percentiles = statistics.quantiles(lateness_ms, n=100)
    early = sum(late_ms < 0 for late_ms in lateness_ms)
    _say(
        count,
        f"{rss_mib:.1f}",
        *map(round, (percentiles[49], percentiles[98])),
        max(lateness_ms),
        early,
    )


def _delays_ms(count: int) -> list[int]:
    """Return as many delays as groups are sent: all are due after we have looked."""
    rng = random.Random(count)  # noqa: S311 - no secret
    near = [rng.randrange(_SOON_MS, _HOUR_MS) for _ in range(FEW // 2)]
    far = [rng.randrange(_HOUR_MS, _DAY_MS) for _ in range(FEW - FEW // 2)]
    return near + far


def _time(broker: KafkaBroker, path: Path) -> list[int]:
    """Send messages that fall due soon; return how late each ran, in milliseconds."""
    rng = random.Random(TIMED)  # noqa: S311 - no secret
    go = broker.get_actor("go")
    for _ in range(TIMED):
        delay_ms = rng.randrange(1_000, TIMED_WITHIN_MS)
        go.send_with_options(args=(int(time.time() * 1000) + delay_ms,), delay=delay_ms)
    while len(lines := path.read_text().splitlines()) < TIMED:
        time.sleep(0.1)
    return [int(ran_ms) - int(due_ms) for due_ms, ran_ms in map(str.split, lines)]


def _broker(bootstrap: str, namespace: str, path: Path) -> KafkaBroker:
    broker = KafkaBroker(bootstrap_servers=[bootstrap], namespace=namespace, num_partitions=4)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @dramatiq.actor(broker=broker)
    def go(due_ms: int) -> None:
        os.write(file, b"%d %d\n" % (due_ms, time.time() * 1000))

    return broker


def _say(*columns: object) -> None:
    print(" | ".join(f"{column!s:>16}" for column in columns), flush=True)


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else work(*sys.argv[1:])
