"""What the web process has for operators: pages, API and commands on jobs, and a view of any task.

Part of the composition root: called by wsgi.py, once per web process.
"""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Flask
from markupsafe import Markup
from pymongo.database import Database
from werkzeug.exceptions import HTTPException

from resumes.operating import Role
from resumes.operations import ActOnJob, Operations
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
from tasks.queue import ActorParseQueue
from tasks.queue_state import Lanes, QueueState
from webapp.admin_api import admin_blueprint
from webapp.admin_cli import job_commands, operation_commands
from webapp.dashboard import dashboard_blueprint, http_problem_page, ports
from webapp.letters_cli import letter_commands
from webapp.operators import OperatorGuard

_TASKS = "/dashboard/tasks"


def add_operators_side(  # noqa: PLR0913 - a composition root's parts, all by name
    app: Flask,
    settings: Settings,
    *,
    database: Database[dict[str, Any]],
    broker: KafkaBroker,
    queue: ActorParseQueue,
    guard: OperatorGuard,
    sockets: Callable[[], int],
) -> None:
    """Register everything; `sockets()` counts this process's WebSockets."""
    for blueprint in _on_jobs(settings, database, broker, queue, guard, sockets):
        app.register_blueprint(blueprint)
    add_tasks(app, database, broker, guard, MongoAudit(database))


def _on_jobs(
    settings: Settings,
    database: Database[dict[str, Any]],
    broker: KafkaBroker,
    queue: ActorParseQueue,
    guard: OperatorGuard,
    sockets: Callable[[], int],
) -> Iterator[Blueprint]:
    topic = settings.kafka.resume_parse_topic
    actions = MongoJobActions(database, max_attempts=settings.jobs.max_attempts)
    operations = Operations(
        MongoOperations(database),
        ActorOperationQueue(declare_run_operation(broker, topic, _not_a_runner)),
    )
    reads, audit = MongoAdminReads(database), MongoAudit(database)
    letters = LettersBrowser(broker, topic, actions.known)
    yield dashboard_blueprint(
        guard=guard,
        reads=reads,
        statistics=MongoStatistics(database),
        operations=operations,
        audit=audit,
        queue_state=QueueState(broker),
        breaker=MongoBreakerStore(database, "parser"),
        letters=letters,
        lanes=Lanes(broker, database, topic),
        sockets=sockets,
        links=[("Tasks", f"{_TASKS}/")],
    )
    yield admin_blueprint(
        guard=guard,
        reads=reads,
        jobs=ActOnJob(actions, queue),
        operations=operations,
        letters=letters,
        audit=audit,
    )
    yield job_commands(reads, operations, audit)
    yield operation_commands(operations)
    yield letter_commands(letters, audit)


def add_tasks(
    app: Flask,
    database: Database[dict[str, Any]],
    broker: KafkaBroker,
    guard: ports.OperatorGuard,
    audit: ports.Audit,
) -> None:
    """Mount the view of any task below the dashboard, in its look and behind its guard."""

    def authorize(is_action: bool) -> str:  # noqa: FBT001 - the blueprint's signature
        return guard.require(Role.OPERATOR if is_action else Role.VIEWER).name

    def csrf_field() -> Markup:
        field = Markup('<input type="hidden" name="csrf_token" value="{}">')
        return field.format(guard.csrf_token())

    def note(action: str, target: str, reason: str, refusal: str) -> None:
        if not refusal:
            name = f"task.{action.removeprefix('task.')}"
            audit.note(guard.require(Role.OPERATOR).name, name, target, reason)

    blueprint = task_dashboard(
        broker,
        database,
        authorize=authorize,
        may_act=lambda: guard.require(Role.VIEWER).may_act,
        csrf_field=csrf_field,
        base_template="dashboard/tasks.html",
        on_action=note,
    )
    blueprint.register_error_handler(HTTPException, http_problem_page)
    app.register_blueprint(blueprint, url_prefix=_TASKS)


def _not_a_runner(operation_id: str, turn: int) -> None:
    raise AssertionError(f"operation {operation_id}, turn {turn}, was run in a web process")
