"""What `dramatiq tests.integration.kafka_broker.conformance.prometheus_app:broker` runs.

The environment names Kafka (BOOTSTRAP) and the namespace (NAMESPACE).
"""

import os

import dramatiq
from dramatiq.middleware.prometheus import Prometheus

from tasks.kafka_broker import KafkaBroker

broker = KafkaBroker(
    bootstrap_servers=os.environ["BOOTSTRAP"], namespace=os.environ["NAMESPACE"], num_partitions=1
)
broker.add_middleware(Prometheus())


@dramatiq.actor(broker=broker, max_retries=1, min_backoff=1)
def go(*, fails: bool) -> None:
    if fails:
        raise ValueError("as asked")
