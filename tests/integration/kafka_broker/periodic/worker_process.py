"""A worker with a schedule in a process of its own, to be killed: notes each run in MongoDB.

`python worker_process.py MONGO_URI DATABASE PERIOD_SECONDS LEASE_SECONDS`
"""

import os
import signal
import sys
from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import CurrentMessage
from pymongo import MongoClient

from tasks.kafka_broker.periodic import Periodic, every


def main(mongo_uri: str, database_name: str, period_s: str, lease_s: str) -> None:
    database = MongoClient[dict[str, Any]](mongo_uri)[database_name]
    broker = StubBroker(middleware=[CurrentMessage()])
    periodic = Periodic(broker, database, lease_s=float(lease_s))

    @periodic.on(every(seconds=float(period_s)))
    @dramatiq.actor(broker=broker)
    def note() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        scheduled_for = message.options["scheduled_for"]
        database["runs"].insert_one({"scheduled_for": scheduled_for, "pid": os.getpid()})

    dramatiq.Worker(broker, worker_threads=1, worker_timeout=50).start()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
