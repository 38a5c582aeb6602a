"""Periodic tasks as an application declares them, next to its actors.

Declaring connects to nothing. Workers of the broker run the schedules; a process without a worker,
such as a web process, may import the same module and runs none.
"""

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from dramatiq import Actor, Broker, Message, Worker
from dramatiq.middleware import Middleware
from pymongo.database import Database

from .runner import Runner
from .schedule import Schedule, ScheduleError
from .store import ScheduleState, ScheduleStore
from .triggers import Trigger

ActorT = TypeVar("ActorT", bound=Actor[..., Any])

_MIN_MISFIRE_GRACE_S = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ScheduleView:
    """A schedule as somebody who looks at it sees it."""

    name: str
    trigger: str
    actor: str
    queue: str
    #: Up to here it is done; at first, when it was declared. None: no worker has run it yet.
    last: datetime | None
    #: In the past when it is overdue.
    next: datetime
    #: Who runs it; empty while nobody does.
    owner: str


class Periodic:
    """The schedules of one application.

    They live in one collection of `database`, whose client is its maker's to close and must not
    come from before a fork; applications that share a database and a collection must not share
    names of schedules. A runner that dies is succeeded `lease_s` later. A schedule that nobody ran
    in time is made up for once, up to `misfire_grace_s` late. `clock` says which times have come.
    """

    def __init__(
        self,
        broker: Broker,
        database: Database[Any],
        *,
        collection: str = "dramatiq_schedules",
        misfire_grace_s: float = 3600.0,
        lease_s: float = 10.0,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._broker = broker
        self._database = database
        self._collection = collection
        self._misfire_grace_s = misfire_grace_s
        self._lease_s = lease_s
        self._clock = clock
        self._schedules: dict[str, Schedule] = {}
        broker.add_middleware(_RunInWorkers(self))

    def add(
        self,
        name: str,
        trigger: Trigger,
        message: Message[Any],
        *,
        misfire_grace_s: float | None = None,
    ) -> None:
        """Send `message` whenever `trigger` is due; raise ScheduleError for a name that is taken.

        Each message sent is a copy with an id of its own and the options `schedule` (the name) and
        `scheduled_for` (the due time, ISO 8601).
        """
        grace_s = self._misfire_grace_s if misfire_grace_s is None else misfire_grace_s
        if name in self._schedules:
            raise ScheduleError(f"there is a schedule {name!r} already; names say which is which")
        if grace_s < _MIN_MISFIRE_GRACE_S:
            raise ScheduleError(
                f"schedule {name!r}: a misfire_grace_s of {grace_s} would miss every due time;"
                f" it is at least {_MIN_MISFIRE_GRACE_S}"
            )
        self._schedules[name] = Schedule(name, trigger, message, timedelta(seconds=grace_s))

    def on(
        self, trigger: Trigger, *, name: str | None = None, misfire_grace_s: float | None = None
    ) -> Callable[[ActorT], ActorT]:
        """Decorate an actor to be sent without arguments; the name is the actor's by default."""

        def schedule(actor: ActorT) -> ActorT:
            self.add(
                name or actor.actor_name,
                trigger,
                actor.message(),
                misfire_grace_s=misfire_grace_s,
            )
            return actor

        return schedule

    def overview(self) -> list[ScheduleView]:
        """Say of each schedule declared here what MongoDB knows of it, and when it is due next."""
        kept = self._store(owner="").read(self._schedules)
        schedules = sorted(self._schedules.items())
        return [_view(schedule, kept.get(name), self._clock()) for name, schedule in schedules]

    def runner(self) -> Runner:
        """Return a new runner of these schedules; workers of the broker have one of their own."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        return Runner(
            self._broker,
            self._schedules,
            self._store(owner=owner),
            lease_s=self._lease_s,
            clock=self._clock,
        )

    def _store(self, *, owner: str) -> ScheduleStore:
        return ScheduleStore(self._database, self._collection, owner=owner, lease_s=self._lease_s)


class _RunInWorkers(Middleware):
    """Starts a runner with each worker of the broker, and stops it first."""

    def __init__(self, periodic: Periodic) -> None:
        self._periodic = periodic
        self._runners: dict[Worker, Runner] = {}

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        runner = self._runners[worker] = self._periodic.runner()
        runner.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        if worker in self._runners:
            self._runners.pop(worker).stop()


def _view(schedule: Schedule, state: ScheduleState | None, now: datetime) -> ScheduleView:
    trigger = schedule.trigger
    is_known = state is not None and state.trigger == str(trigger)
    return ScheduleView(
        name=schedule.name,
        trigger=str(trigger),
        actor=schedule.message.actor_name,
        queue=schedule.message.queue_name,
        last=state.last if state else None,
        next=trigger.next_after(state.last if state and is_known else now),
        owner=state.owner if state else "",
    )
