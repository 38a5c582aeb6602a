"""Where a command works: which Kafka, which queues, from arguments, environment or a broker."""

import argparse
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..broker import KafkaBroker
from ..clients import Clients
from ..config import QueueConfig
from ..connection import from_environment
from ..discovery import discover_queues
from ..status_topic import status_topic_name

_DEFAULT_GROUP_ID = "dramatiq"


class UsageError(Exception):
    """The arguments do not say what to do; the message says what to change."""


@dataclass(frozen=True)
class Site:
    """A Kafka and an application on it."""

    clients: Clients
    namespace: str
    #: None: whichever groups there are.
    group_id: str | None
    timeout_s: float
    #: None: those that Kafka's topics show.
    declared: list[QueueConfig] | None

    def queues(self, name: str | None = None) -> list[QueueConfig]:
        """Return the queues, or those of that name; UsageError when there is none."""
        queues = self.declared
        if queues is None:
            queues = discover_queues(
                self.clients,
                namespace=self.namespace,
                group_id=self.group_id,
                timeout_s=self.timeout_s,
            )
        found = [queue for queue in queues if name in (None, queue.name)]
        if name is not None and not found:
            known = ", ".join(sorted({queue.name for queue in queues})) or "none at all"
            raise UsageError(f"there is no queue {name}, but {known}")
        return found

    @property
    def status_topic(self) -> str:
        """Where the application's workers say what they do."""
        group_id = self.group_id or _DEFAULT_GROUP_ID
        return status_topic_name(namespace=self.namespace, group_id=group_id)


def add_site_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where it works."""
    where = parser.add_argument_group("where")
    where.add_argument("--broker", metavar="MODULE:NAME", help="your KafkaBroker, to be imported")
    where.add_argument(
        "--bootstrap-servers",
        metavar="HOST:PORT,...",
        help="default: KAFKA_URL, KAFKA_BROKERS or localhost:9092",
    )
    where.add_argument(
        "--client-option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of kafka-python, such as security_protocol=SSL; may be repeated",
    )
    where.add_argument("--namespace", help="the broker's namespace")
    where.add_argument("--group-id", help="the broker's group_id")
    where.add_argument(
        "--timeout",
        type=above_zero,
        default=10.0,
        metavar="SECONDS",
        help="how long Kafka may take for each step; default: 10",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def above_zero(text: str) -> float:
    """Read a number of seconds, or of things a second."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def open_site(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Site:
    """Say where the command works; no network yet."""
    if arguments.broker:
        return _site_of_broker(arguments)
    known = _from_environ(environ)
    if arguments.bootstrap_servers:
        known["bootstrap_servers"] = arguments.bootstrap_servers.split(",")
    options = {
        name: value
        for name, value in known.items()
        if name not in ("bootstrap_servers", "namespace", "group_id")
    }
    options |= dict(_client_option(text) for text in arguments.client_option)
    with _usage_errors("--client-option"):
        clients = Clients(known["bootstrap_servers"], options)
    namespace = known.get("namespace", "") if arguments.namespace is None else arguments.namespace
    return Site(
        clients=clients,
        namespace=namespace,
        group_id=arguments.group_id or known.get("group_id"),
        timeout_s=arguments.timeout,
        declared=None,
    )


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    if environ.get("KAFKA_URL"):
        with _usage_errors("KAFKA_URL"):
            return from_environment(environ, group_id=_DEFAULT_GROUP_ID)
    return {"bootstrap_servers": environ.get("KAFKA_BROKERS", "localhost:9092").split(",")}


def _site_of_broker(arguments: argparse.Namespace) -> Site:
    module, _, name = arguments.broker.partition(":")
    if not name:
        raise UsageError(
            f"--broker {arguments.broker} is not MODULE:NAME, such as app.tasks:broker"
        )
    with _usage_errors(f"--broker {arguments.broker}"):
        broker = getattr(importlib.import_module(module), name)
    if not isinstance(broker, KafkaBroker):
        raise UsageError(f"--broker {arguments.broker} is no KafkaBroker")
    return Site(
        clients=broker._clients,  # noqa: SLF001 - of the same package
        namespace=broker.namespace,
        group_id=broker.group_id,
        timeout_s=arguments.timeout,
        declared=list(broker.queues.values()),
    )


def _client_option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--client-option {text} is not NAME=VALUE")
    plain: dict[str, Any] = {"true": True, "false": False, "none": None}
    return name, plain.get(value.lower(), int(value) if value.isdecimal() else value)


@contextmanager
def _usage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        # A user's own module may fail in any way: one line, like every other error.
        raise UsageError(f"{what}: {type(error).__name__}: {error}") from error
