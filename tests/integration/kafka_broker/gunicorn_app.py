"""A WSGI application that sends a task for each request, as a web process does.

The environment names Kafka (BOOTSTRAP) and the namespace (NAMESPACE). With SEND_AT_IMPORT it sends
one before gunicorn forks too.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import dramatiq

from tasks.kafka_broker import KafkaBroker

broker = KafkaBroker(
    bootstrap_servers=os.environ["BOOTSTRAP"], namespace=os.environ["NAMESPACE"], num_partitions=1
)


@dramatiq.actor(broker=broker)
def go(name: str) -> None: ...


if os.environ.get("SEND_AT_IMPORT"):
    go.send("parent")


def app(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> Iterable[bytes]:
    go.send(environ["PATH_INFO"])
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
