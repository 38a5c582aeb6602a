"""What a worker costs that has nothing to do: with our wait of an idle fetch, and with a short one.

`python -m bench.idle_worker`: the processor time of a worker's process, in per cent of a core.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dramatiq

from devstack import ports
from devstack.kafka import Kafka
from tasks.kafka_broker import KafkaBroker, fetching

ROUNDS, IDLE_S, SETTLE_S = 3, 20, 5
#: What is left of a short fetch is the `fetch_max_wait_ms` of `clients.py`.
KINDS = ("as it is", "short fetches")


def main() -> None:
    """Measure each kind as often as the other, in turn."""
    with tempfile.TemporaryDirectory() as directory:
        kafka = Kafka(Path(directory) / "kafka", ports.free_port())
        kafka.start()
        try:
            for number in range(ROUNDS):
                for kind in KINDS:
                    command = [sys.executable, "-m", "bench.idle_worker", kafka.bootstrap, kind]
                    ran = subprocess.run(command, check=True, capture_output=True, text=True)
                    print(f"round {number + 1}, {kind}: {ran.stdout.strip()} %", flush=True)
        finally:
            kafka.stop()


def idle(bootstrap: str, kind: str) -> None:
    """Print what this process needs while its worker waits for tasks."""
    if kind == "short fetches":
        fetching._IDLE_FETCH_MS = 0  # noqa: SLF001 - nobody else wants to change it
    broker = KafkaBroker(bootstrap_servers=[bootstrap], namespace=kind.replace(" ", "-"))

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    go.send()
    broker.join("default", timeout=60_000)
    time.sleep(SETTLE_S)
    began_s = time.process_time()
    time.sleep(IDLE_S)
    print(f"{100 * (time.process_time() - began_s) / IDLE_S:.1f}")
    worker.stop()
    broker.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        idle(*sys.argv[1:])
    else:
        main()
