"""`python -m bench.inside.client APP fill|single`: send a peer's tasks, in its environment.

A process of its own, so that sending has a core to itself; prints one line of JSON.
"""

import argparse
import contextlib
import importlib
import json
import statistics
import sys
import time

from bench.inside.work import WARM_UP, Producer, chunks, make_task

#: Sent ahead of everything; see `work.WARM_UP`.
WARM_UPS = 10
_IN_BULK = 5
_CHUNK = 50_000


def main(arguments: list[str]) -> None:
    """Send what the command line says and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.inside.client", description=__doc__)
    parser.add_argument("app")
    parser.add_argument("command", choices=["fill", "single"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--sleep-ms", type=float, default=0)
    parser.add_argument("--every-ms", type=float, default=0)
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as opened:
        producer = opened.enter_context(importlib.import_module(options.app).producer())
        for _ in range(WARM_UPS - _IN_BULK):
            producer.send(make_task(WARM_UP))
        # A peer may send many by another connection than one.
        producer.send_all([make_task(WARM_UP) for _ in range(_IN_BULK)])
        if options.command == "fill":
            result = {"seconds": _fill(producer, options.count, options.sleep_ms)}
        else:
            durations_ms = _send_singly(producer, options.count, options.every_ms / 1000)
            result = {"p50_ms": statistics.median(durations_ms or [0])}
        sys.stdout.write(json.dumps(result) + "\n")


def _fill(producer: Producer, count: int, sleep_ms: float) -> float:
    """Send all tasks and return the seconds it took; making them is not part of it."""
    took_s = 0.0
    for chunk in chunks((make_task(number, sleep_ms) for number in range(count)), _CHUNK):
        started_at = time.perf_counter()
        producer.send_all(chunk)
        took_s += time.perf_counter() - started_at
    return took_s


def _send_singly(producer: Producer, count: int, every_s: float) -> list[float]:
    """Send one after another and return how long each took; one begins every `every_s`."""
    durations_ms = []
    due_at = time.perf_counter()
    for number in range(count):
        due_at += every_s
        time.sleep(max(0.0, due_at - time.perf_counter()) if every_s else 0.0)
        task = make_task(number)
        started_at = time.perf_counter()
        producer.send(task)
        durations_ms.append((time.perf_counter() - started_at) * 1000)
    return durations_ms


if __name__ == "__main__":
    main(sys.argv[1:])
