"""Delayed messages and the processes that move them on: killed, and weighed."""

import subprocess
import time
from pathlib import Path

from tests.eventually import eventually
from tests.integration.kafka_broker import noting_process
from tests.integration.kafka_broker.support import StartProcess

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def test_a_killed_pump_loses_no_delayed_message(
    kafka_bootstrap: str, topic_prefix: str, start_process: StartProcess, noted: Path
) -> None:
    """kill -9 while it moves messages on; what it had sent and not committed may run twice."""
    options = {"num_partitions": 1, "session_timeout_ms": 2000, "heartbeat_interval_ms": 300}
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **options)
    go = noting_process.declare_go(broker, noted)
    due_ms = {}
    for delay_ms in (1200, 1800, 2400, 3000):
        due_ms[delay_ms] = int(time.time() * 1000) + delay_ms
        messages = [
            go.message_with_options(args=(number,)) for number in range(delay_ms, delay_ms + 100)
        ]
        broker.enqueue_many(messages, delay=delay_ms)
    first = start_process(**options)
    eventually(lambda: noting_process.runs(noted), within_s=30)
    first.kill()
    first.wait()
    start_process(**options)
    broker.join("default", timeout=30_000)
    broker.close()
    runs = noting_process.runs(noted)
    assert {run.number for run in runs} == {n for d in due_ms for n in range(d, d + 100)}
    assert all(run.at_ms >= due_ms[run.number // 600 * 600] for run in runs)


def _resident_bytes(process: "subprocess.Popen[bytes]") -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def test_messages_that_wait_take_no_memory(
    kafka_bootstrap: str, topic_prefix: str, start_process: StartProcess, noted: Path
) -> None:
    """Where dramatiq's brokers hold each in the worker; bench/delays_memory.py tells more."""
    options = {"num_partitions": 1}
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **options)
    go = noting_process.declare_go(broker, noted)
    process = start_process(**options)

    def weigh(count: int, numbers: range) -> int:
        """Send as many messages of mixed times for later, and weigh the worker once a few ran."""
        for exponent in range(10):
            later = [go.message(0, padding="x" * 500) for _ in range(count // 10)]
            broker.enqueue_many(later, delay=5 * MINUTE_MS + HOUR_MS * exponent**3 // 100)
        for number in numbers:
            go.send_with_options(args=(number,), delay=100 + number % 1000)
        eventually(
            lambda: {run.number for run in noting_process.runs(noted)} >= set(numbers), within_s=30
        )
        return _resident_bytes(process)

    few = weigh(100, range(1, 300))
    many = weigh(10_000, range(300, 600))
    broker.close()
    # 10,000 messages of 500 bytes would be 15 MB at least.
    assert many - few < 5_000_000
