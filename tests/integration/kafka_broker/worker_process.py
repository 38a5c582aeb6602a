"""A worker in a process of its own, to be stopped or killed: notes each run in a file.

`python worker_process.py BOOTSTRAP NAMESPACE FILE TASK_SECONDS`
"""

import os
import signal
import sys
import threading
import time

import dramatiq

from tasks.kafka_broker import KafkaBroker

PARTITIONS = 4


def make_broker(bootstrap: str, namespace: str) -> KafkaBroker:
    return KafkaBroker(
        bootstrap_servers=[bootstrap], namespace=namespace, num_partitions=PARTITIONS
    )


def main(bootstrap: str, namespace: str, path: str, task_s: str) -> None:
    broker = make_broker(bootstrap, namespace)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    # One write per line, appended: the kernel keeps lines of several processes whole.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        os.write(file, b"begin %d\n" % number)
        time.sleep(float(task_s))
        os.write(file, b"end %d\n" % number)

    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
    worker.start()
    stopping.wait()
    worker.stop()
    broker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
