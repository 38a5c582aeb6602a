"""The peers: which server each needs, and the command line that starts its worker.

Command lines are those of each project's documentation, with logging turned down.
"""

import dataclasses
from pathlib import Path
from typing import Literal

_PEERS = Path(__file__).with_name("peers")

ServerName = Literal["Kafka", "Redis", "RabbitMQ"]


@dataclasses.dataclass(frozen=True)
class Peer:
    """One way to run tasks; `package` is its folder in bench/peers."""

    name: str
    package: str
    server: ServerName
    #: The first word is a program of the peer's environment. `{app}`, `{processes}`, `{threads}`
    #: and `{index}`, the number of the command, are filled in.
    command: tuple[str, ...]
    #: True where a worker is one process, so that two processes are two commands.
    has_command_per_process: bool = False
    #: As many as take a few seconds, so that what is measured is not the start.
    drain_tasks: int = 10_000
    #: Tasks run side by side in threads; the raw loop has one.
    has_threads: bool = True

    @property
    def app(self) -> str:
        """The module with its tasks and its producer."""
        return f"bench.peers.{self.package}.app"

    @property
    def requirements(self) -> Path | None:
        """What to install; None for those who live in this repository's own environment."""
        path = _PEERS / self.package / "requirements.txt"
        return path if path.exists() else None

    def commands(self, *, processes: int, threads: int) -> list[list[str]]:
        """Return the command lines that together are `processes` times `threads`."""
        count, each = (processes, 1) if self.has_command_per_process else (1, processes)
        return [
            [
                word.format(app=self.app, processes=each, threads=threads, index=index)
                for word in self.command
            ]
            for index in range(count)
        ]


_DRAMATIQ = ("dramatiq", "{app}:broker", "-p", "{processes}", "-t", "{threads}", "--skip-logging")
_CELERY = ("celery", "-A", "{app}", "worker", "-P", "threads", "-c", "{threads}")
_TASKIQ = ("taskiq", "worker", "{app}:broker", "--workers", "{processes}")
_TASKIQ_LIMITS = ("--max-async-tasks", "{threads}", "--max-threadpool-threads", "{threads}")

PEERS = (
    Peer("ours", "ours", "Kafka", _DRAMATIQ, drain_tasks=50_000),
    Peer(
        "kafka-python",
        "kafka_python",
        "Kafka",
        ("python", "-m", "{app}"),
        has_command_per_process=True,
        drain_tasks=50_000,
        has_threads=False,
    ),
    Peer("dramatiq-redis", "dramatiq_redis", "Redis", _DRAMATIQ),
    Peer("dramatiq-rabbitmq", "dramatiq_rabbitmq", "RabbitMQ", _DRAMATIQ),
    Peer(
        "celery-redis",
        "celery_redis",
        "Redis",
        (*_CELERY, "-n", "w{index}@%h", "--loglevel", "WARNING"),
        has_command_per_process=True,
    ),
    Peer(
        "taskiq-kafka",
        "taskiq_kafka",
        "Kafka",
        (*_TASKIQ, *_TASKIQ_LIMITS, "--log-level", "WARNING"),
    ),
    Peer(
        "faststream-kafka",
        "faststream_kafka",
        "Kafka",
        ("faststream", "run", "{app}:app", "--workers", "{processes}", "--log-level", "warning"),
    ),
)
