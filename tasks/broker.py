"""Build the process's broker: the queue of resumes on its topic, group and partitions."""

from typing import Any

from dramatiq.errors import Retry
from dramatiq.middleware import Middleware, ShutdownNotifications

from tasks.actors import PARSE_RESUME
from tasks.kafka_broker import KafkaBroker, QueueOptions, Retries
from tasks.metrics import PrometheusObserver
from tasks.operations import operations_queue

#: So many operations are run at a time; the worker has threads for them beside the jobs'.
OPERATIONS_AT_A_TIME = 2


def build_broker(
    *,
    topic: str,
    group_id: str,
    num_partitions: int,
    num_workers: int,
    replication_factor: int,
    **connection: Any,
) -> KafkaBroker:
    """Return a broker that has connected to nothing yet; the queue's name is the topic's.

    `connection`: KafkaBroker's bootstrap_servers, publish_timeout_s and security options.
    """
    middleware: list[Middleware] = [
        # The job decides when it runs again; a task that raises anything else is a dead letter.
        Retries(retry_when=lambda _, error: isinstance(error, Retry)),
        # Lets a stopping worker's tasks know.
        ShutdownNotifications(),
    ]
    return KafkaBroker(
        # Also names what the queues share: another service on the same Kafka has its own.
        group_id=group_id,
        queues={
            topic: QueueOptions(
                topic=topic,
                group_id=group_id,
                num_partitions=num_partitions,
                max_in_flight_per_partition=num_workers,
                default_actor=PARSE_RESUME,
                replication_factor=replication_factor,
            ),
            operations_queue(topic): QueueOptions(
                topic=operations_queue(topic),
                group_id=f"{group_id}.operations",
                num_partitions=1,
                max_in_flight_per_partition=OPERATIONS_AT_A_TIME,
                replication_factor=replication_factor,
            ),
        },
        middleware=middleware,
        observer=PrometheusObserver(),
        **connection,
    )


def kafka_security(
    *, enable_sasl: bool, enable_tls: bool, mechanism: str, username: str, password: str
) -> dict[str, Any]:
    """Return kafka-python's options for SASL and TLS."""
    protocol = ("SASL_" if enable_sasl else "") + ("SSL" if enable_tls else "PLAINTEXT")
    if not enable_sasl:
        return {"security_protocol": protocol}
    return {
        "security_protocol": protocol,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": username,
        "sasl_plain_password": password,
    }
