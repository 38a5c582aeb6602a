"""What `dramatiq tests.integration.kafka_broker.cli_app:broker` runs; each task notes its run.

The environment names Kafka (BOOTSTRAP), the namespace (NAMESPACE) and the file of notes (RUNS).
"""

import os
import time

import dramatiq

from tasks.kafka_broker import KafkaBroker

broker = KafkaBroker(
    bootstrap_servers=os.environ["BOOTSTRAP"],
    namespace=os.environ["NAMESPACE"],
    num_partitions=2,
    heartbeat_interval_ms=300,
)


def note(what: str) -> None:
    # One write per line, appended: the kernel keeps lines of several processes whole.
    file = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{what} {os.getpid()}\n".encode())
    os.close(file)


@dramatiq.actor(broker=broker)
def go(number: int) -> None:
    note(f"begin {number}")
    time.sleep(0.05)
    note(f"end {number}")


@dramatiq.actor(broker=broker)
def slow() -> None:
    note("begin slow")
    time.sleep(1)
    note("end slow")


@dramatiq.actor(broker=broker, queue_name="other")
def other() -> None:
    note("begin other")
