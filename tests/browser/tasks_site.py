"""Tasks of several actors on real servers, and the pages that show them: in the dashboard's look
and in the blueprint's own.
"""

import random
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import dramatiq
from flask import Flask
from pymongo.database import Database

import operators_side
from tasks.kafka_broker import KafkaBroker, LetterFilter, QueueOptions
from tasks.kafka_broker.control import Control, ObeyControl
from tasks.kafka_broker.dashboard import task_dashboard
from tasks.kafka_broker.periodic import Periodic, crontab, every
from tasks.kafka_broker.runs import RunRecorder
from tests.eventually import eventually
from tests.unit.webapp.dashboard.site import Site

HOUR_MS = 3_600_000
MAILS, RESUMES = "mails", "resume-parse-jobs"
LONG_ACTOR = "reindex_everything_that_belongs_to_a_tenant_whose_name_goes_on_and_on_v2"
ALL_RUNS = 1_000_000
#: So few that all are within the last hour as long as the tests take.
_MINUTES = 20
_OPERATOR = "lan.pham"


class TasksSite:
    """A broker with its actors; no worker runs them before `fill`."""

    def __init__(self, bootstrap: str, database: Database[Any], *, namespace: str) -> None:
        self.database = database
        self.broker = KafkaBroker(
            bootstrap_servers=[bootstrap],
            namespace=namespace,
            num_partitions=3,
            publish_timeout_s=10.0,
            heartbeat_interval_ms=300,
            queues={MAILS: QueueOptions(lanes=True)},
        )
        self.broker.add_middleware(ObeyControl(database, interval_s=0.1))
        recorder = RunRecorder(database, keeps_arguments=True, interval_s=0.1)
        self.broker.add_middleware(recorder)
        self.control = Control(self.broker, database)
        self._released = threading.Event()
        self._workers: list[dramatiq.Worker] = []
        self._declare()
        self.broker.ensure_topics()
        self.dashboard = Site()
        operators_side.add_tasks(
            self.dashboard.app, database, self.broker, self.dashboard.guard, self.dashboard.audit
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._released.set()
        for worker in self._workers:
            worker.stop(timeout=5_000)
        self.broker.close()

    def _declare(self) -> None:
        actor = partial(dramatiq.actor, broker=self.broker)

        @actor(queue_name=RESUMES, max_retries=0)
        def parse_resume(job_id: str) -> None: ...

        @actor(queue_name=MAILS, min_backoff=HOUR_MS, max_backoff=HOUR_MS)
        def send_mail(to: str) -> None:
            raise ConnectionError(f"mail.example.com:587 does not answer, {to} has to wait")

        @actor(queue_name=MAILS, max_retries=0)
        def send_digest(to: str) -> None:
            raise ValueError(f"the template “Bản tin hằng tuần” has no field for {to}")

        @actor(queue_name=MAILS, actor_name=LONG_ACTOR, max_retries=0, time_limit=float("inf"))
        def reindex(tenant: str) -> None:  # noqa: ARG001 - the picture shows what it was given
            self._released.wait()

    def send(self, actor: str, *args: str, **options: Any) -> None:
        """Enqueue a task of an actor."""
        self.broker.get_actor(actor).send_with_options(args=args, **options)

    def start_worker(self) -> None:
        """Let the tasks run, until the site is closed."""
        worker = dramatiq.Worker(self.broker, worker_threads=6, worker_timeout=100)
        self._workers.append(worker)
        worker.start()

    def delayed(self) -> int:
        """Count what waits for its time."""
        return self.broker.waiting(MAILS).count_delayed()

    def letters(self) -> list[str]:
        """Return the places of the dead letters."""
        found = self.broker.dead_letters(MAILS).page(LetterFilter()).letters
        return [letter.letter_id for letter in found]

    def fill(self) -> None:
        """Let there be something on each page, and return when it is there."""
        self.control.pause(MAILS, "low", by=_OPERATOR, reason="No newsletters before the release")
        self._remember_runs()
        for number in range(12):
            self.send("parse_resume", f"65f7a1{number:018x}")
        for number in range(4):
            self.send("send_digest", f"user-{number}@example.com")
            self.send("send_mail", f"user-{number}@example.com")
            self.send("send_mail", "later@example.com", delay=(number + 1) * HOUR_MS)
        for number in range(7):
            self.send("send_digest", f"user-{number}@example.com", lane="low")
        for tenant in ("north", "south"):
            self.send(LONG_ACTOR, tenant)
        self.start_worker()
        eventually(lambda: self.delayed() == 8, within_s=30)
        eventually(lambda: len(self.letters()) == 4, within_s=30)
        eventually(lambda: self._running() == 2, within_s=30)
        [first] = self.broker.waiting(MAILS).page(limit=1).tasks
        self.control.cancel(first, by=_OPERATOR, reason="")

    def _running(self) -> int:
        return sum(len(one.state.running) for one in self.broker.workers())

    def _remember_runs(self) -> None:
        """Write down what workers of other hosts did, a million runs."""
        chance, now = random.Random(1), datetime.now(UTC).replace(second=0, microsecond=0)
        for ago in range(1, _MINUTES + 1):
            at = now - timedelta(minutes=ago)
            started = ALL_RUNS // _MINUTES + (ago == 1) * (ALL_RUNS % _MINUTES)
            failed = chance.randint(0, 40)
            key = {"actor": "parse_resume", "queue": RESUMES, "lane": "normal", "at": at}
            done = started - failed
            figures = {"started": started, "succeeded": done, "failed": failed, "retried": failed}
            times = {"20": done // 2, "21": done // 3, "23": done - done // 2 - done // 3}
            self.database["task_minutes"].insert_one(
                {"_id": key, "at": at, **figures, "times": times}
            )

    def standalone(self) -> Flask:
        """Return an application of somebody else who gives the pages no look, with schedules."""
        periodic = Periodic(self.broker, self.database)
        actors = self.broker.actors
        # Into the paused lane: at half past seven it must not be one more that fails.
        digest = actors["send_digest"].message_with_options(args=("all",), lane="low")
        periodic.add("digests", crontab("30 7 * * 1-5"), digest)
        periodic.add("reindex", every(hours=6), actors[LONG_ACTOR].message("north"))
        periodic.runner().tick()
        app = Flask("somebody-elses", static_folder=None)
        app.register_blueprint(
            task_dashboard(
                self.broker, self.database, authorize=lambda _: "ann", periodic=periodic
            ),
            url_prefix="/tasks",
        )
        return app
