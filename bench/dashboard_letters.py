"""How long the dashboard's lists of dead letters take with 100,000 of them.

`python -m bench.dashboard_letters` starts a Kafka and a mongod of its own and prints each list's
times in milliseconds: the first one, and median and worst of those after it. All letters but one
belong to jobs, and that one is the oldest: the most that the list of those without a job can cost.
"""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import pymongo
from bson import ObjectId
from kafka import KafkaProducer
from pymongo.database import Database

from bench.timing import measure, ms, say
from devstack import ports
from devstack.kafka import Kafka
from devstack.mongod import Mongod
from store.job_actions import MongoJobActions
from tasks.kafka_broker import KafkaBroker
from tasks.letters import LettersBrowser
from tasks.queue_state import QueueState

LETTERS = 100_000
PAGE = 50
_QUEUE = "resume-parse-jobs"
_BATCH = 10_000

Document = dict[str, Any]


def main() -> None:
    """Fill both servers and measure."""
    logging.disable()
    with tempfile.TemporaryDirectory() as directory:
        kafka = Kafka(Path(directory) / "kafka", ports.free_port())
        mongod = Mongod(Path(directory) / "mongod", ports.free_port())
        for server in (kafka, mongod):
            server.start()
        try:
            with pymongo.MongoClient[Any](mongod.uri, tz_aware=True) as client:
                _measure(kafka.bootstrap, client["bench"])
        finally:
            mongod.stop()
            kafka.stop()


def _measure(bootstrap: str, database: Database[Document]) -> None:
    broker = KafkaBroker(bootstrap_servers=[bootstrap], num_partitions=1)
    broker.declare_queue(_QUEUE)
    broker.ensure_topics()
    say(f"{LETTERS:,} letters stored", ms(lambda: _fill(bootstrap, broker, database)))
    letters = LettersBrowser(broker, _QUEUE, MongoJobActions(database, max_attempts=5).known)
    measure(
        {
            "all letters": lambda: letters.page(None, PAGE, unjobbed_only=False),
            "those without a job": lambda: letters.page(None, PAGE, unjobbed_only=True),
            "their number": lambda: QueueState(broker).dead_letters(),
        }
    )
    broker.close()


def _fill(bootstrap: str, broker: KafkaBroker, database: Database[Document]) -> None:
    topic = broker.queues[_QUEUE].dead_letter_topic
    ids = [ObjectId() for _ in range(LETTERS)]
    for start in range(1, LETTERS, _BATCH):
        batch = [{"_id": job_id} for job_id in ids[start : start + _BATCH]]
        database["resume_parse_jobs"].insert_many(batch)
    with KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
        for job_id in ids:
            value = {"job_id": str(job_id), "user_id": str(ObjectId()), "file_name": "cv.pdf"}
            headers = [("kafka_dlt-original-topic", _QUEUE.encode())]
            producer.send(topic, json.dumps(value).encode(), str(job_id).encode(), headers=headers)
        producer.flush()


if __name__ == "__main__":
    main()
