"""What the composition roots build alike: the database, the broker, a stop on signals."""

import os
import signal
import threading
from types import FrameType
from typing import Any

from pymongo.database import Database

from settings import Settings
from settings_sections import KafkaSettings
from store.connection import connect
from tasks.broker import build_broker, kafka_security
from tasks.kafka_broker import KafkaBroker


def connect_database(
    settings: Settings, *, select_timeout_s: float, timeout_s: float
) -> Database[dict[str, Any]]:
    """Connect this process; nothing is sent before the first operation."""
    return connect(
        settings.database.source.get_secret_value(),
        settings.database.name,
        select_timeout_s=select_timeout_s,
        timeout_s=timeout_s,
    )


def make_broker(settings: Settings) -> KafkaBroker:
    """Build this process's broker; nothing is connected before the first use."""
    kafka = settings.kafka
    return build_broker(
        topic=kafka.resume_parse_topic,
        group_id=kafka.consumer_group,
        num_partitions=kafka.num_partitions,
        num_workers=kafka.num_workers,
        replication_factor=kafka.replication_factor,
        publish_timeout_s=kafka.timeout.total_seconds(),
        **_connection(kafka),
    )


def _connection(kafka: KafkaSettings) -> dict[str, Any]:
    if kafka.url.get_secret_value():
        return kafka.url_options()
    security = kafka_security(
        enable_sasl=kafka.enable_sasl,
        enable_tls=kafka.enable_tls,
        mechanism=kafka.sasl_mechanism,
        username=kafka.username,
        password=kafka.password.get_secret_value(),
    )
    return {"bootstrap_servers": kafka.brokers, **security}


def stop_on_signals(stopping: threading.Event) -> None:
    """Set the event at SIGTERM or SIGINT; a second one ends the process at once."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(128 + signum)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
