"""Time and a broker as the test says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed

from tasks.kafka_broker.periodic import Periodic
from tasks.kafka_broker.periodic.runner import Runner

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LEASE_S = 30

MakePeriodic = Callable[..., Periodic]


class Clock:
    """Tells the time that the test has set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Broker(StubBroker):
    """Notes what is sent, and is out of reach while a test says so."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.sent: list[Message[Any]] = []
        self.unreachable_actors: set[str] = set()

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:  # noqa: ARG002
        if message.actor_name in self.unreachable_actors:
            raise ConnectionClosed("gone")  # type: ignore[no-untyped-call]
        self.sent.append(message)
        return message

    @property
    def sent_for(self) -> list[datetime]:
        return [datetime.fromisoformat(m.options["scheduled_for"]) for m in self.sent]


def message(actor_name: str = "go") -> Message[Any]:
    return Message("default", actor_name, (), {}, {})


def settled(runner: Runner) -> Runner:
    """A runner that knows all of its schedules and holds the leases that were free."""
    for _ in range(2):
        runner.tick()
    return runner
