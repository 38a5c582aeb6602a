"""What the web process has for operators: the dashboard's pages and its view of any task.

Part of the composition root: called by wsgi.py once per web process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from markupsafe import Markup
from pymongo.database import Database

from resumes.operating import Role
from resumes.operations import Operations
from settings import Settings
from store.admin_reads import MongoAdminReads
from store.audit import MongoAudit
from store.breakers import MongoBreakerStore
from store.job_actions import MongoJobActions
from store.operations import MongoOperations
from store.statistics_reads import MongoStatistics
from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.dashboard import task_dashboard
from tasks.letters import LettersBrowser
from tasks.operations import ActorOperationQueue, declare_run_operation
from tasks.queue_state import Lanes, QueueState
from webapp.dashboard import dashboard_blueprint
from webapp.operators import OperatorGuard

#: Where the view of all tasks is mounted.
TASKS = "/dashboard/tasks"


@dataclass(frozen=True)
class OperatorsSide:
    """What the blueprints for operators are made of; `sockets()` counts this process's."""

    settings: Settings
    database: Database[dict[str, Any]]
    broker: KafkaBroker
    guard: OperatorGuard
    audit: MongoAudit
    sockets: Callable[[], int]

    def dashboard(self) -> Blueprint:
        """Return the pages."""
        topic = self.settings.kafka.resume_parse_topic
        actor = declare_run_operation(self.broker, topic, _not_a_runner)
        jobs = MongoJobActions(self.database, max_attempts=self.settings.jobs.max_attempts)
        return dashboard_blueprint(
            guard=self.guard,
            reads=MongoAdminReads(self.database),
            statistics=MongoStatistics(self.database),
            operations=Operations(MongoOperations(self.database), ActorOperationQueue(actor)),
            audit=self.audit,
            queue_state=QueueState(self.broker),
            breaker=MongoBreakerStore(self.database, "parser"),
            letters=LettersBrowser(self.broker, topic, jobs.known),
            lanes=Lanes(self.broker, self.database, topic),
            sockets=self.sockets,
            links=[("Tasks", f"{TASKS}/")],
        )

    def tasks(self) -> Blueprint:
        """Return the pages of all tasks, to be mounted at `TASKS`."""

        def authorize(is_action: bool) -> str:  # noqa: FBT001 - the blueprint's signature
            return self.guard.require(Role.OPERATOR if is_action else Role.VIEWER).name

        def csrf_field() -> Markup:
            field = Markup('<input type="hidden" name="csrf_token" value="{}">')
            return field.format(self.guard.csrf_token())

        def note(action: str, target: str, reason: str, refusal: str) -> None:
            if not refusal:
                operator = self.guard.require(Role.OPERATOR)
                self.audit.note(operator.name, f"task.{action}", target, reason)

        return task_dashboard(
            self.broker,
            self.database,
            authorize=authorize,
            csrf_field=csrf_field,
            base_template="dashboard/tasks.html",
            on_action=note,
        )


def _not_a_runner(operation_id: str, turn: int) -> None:
    raise AssertionError(f"operation {operation_id}, turn {turn}, was run in a web process")
