"""The blueprint: who may see it, how it looks, what it says when a server is away."""

from collections.abc import Callable
from typing import Any

from dramatiq.errors import BrokerConnectionError, QueueNotFound
from flask import Blueprint, Response, g, make_response, request
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..broker import KafkaBroker
from ..control import Control
from ..control.control import NoSuchLaneError
from ..letter_scan import NoSuchLetterError
from ..runs import RunHistory
from ..waiting import NoSuchTaskError
from . import dead_letters, overview, waiting
from .site import Schedules, Site, answer


def task_dashboard(  # noqa: PLR0913 - what a host decides, all named
    broker: KafkaBroker,
    database: Database[Any],
    *,
    authorize: Callable[[bool], str],
    may_act: Callable[[], bool] = lambda: True,
    csrf_field: Callable[[], str] = str,
    base_template: str | None = None,
    periodic: Schedules | None = None,
    on_action: Callable[[str, str, str, str], None] = lambda *_: None,
    kafka_timeout_s: float = 5.0,
) -> Blueprint:
    """Return the dashboard; mount it with `app.register_blueprint(..., url_prefix=...)`.

    `authorize(is_action)` is called for every request: it returns who asks, or raises (an HTTP
    error, or what the host turns into one). For an action it also checks the form's CSRF token,
    which `csrf_field()` put there as HTML. Whom `may_act()` denies is shown no buttons.
    `base_template` has the blocks `title` and `content`.
    `on_action(action, target, reason, refusal)` hears of everything that was asked for; `refusal`
    is empty when it was done. The database is the one of `RunRecorder` and `ObeyControl`.
    """
    site = Site(
        broker=broker,
        history=RunHistory(database),
        control=Control(broker, database),
        periodic=periodic,
        timeout_s=kafka_timeout_s,
        on_action=on_action,
    )
    blueprint = Blueprint(
        "task_dashboard", __name__, template_folder="templates", static_folder="static"
    )
    _let_in(blueprint, site, authorize)
    base = base_template or "task_dashboard/base.html"
    offered = {"task_base": base, "csrf_field": csrf_field, "may_act": may_act}
    blueprint.context_processor(offered.copy)
    _say_what_is_wrong(blueprint)
    for pages in (overview, waiting, dead_letters):
        pages.register(blueprint)
    return blueprint


def _let_in(blueprint: Blueprint, site: Site, authorize: Callable[[bool], str]) -> None:
    @blueprint.before_request
    def let_in() -> None:
        g.task_site = site
        g.task_operator = authorize(request.method not in ("GET", "HEAD", "OPTIONS"))


def _say_what_is_wrong(blueprint: Blueprint) -> None:
    def problem(status: int, title: str, detail: str) -> Response:
        response = make_response(answer("problem.html", heading=title, detail=detail), status)
        if status == _UNAVAILABLE:
            response.headers["Retry-After"] = "5"
        return response

    @blueprint.errorhandler(BrokerConnectionError)
    def kafka_is_away(_: BrokerConnectionError) -> Response:
        return problem(_UNAVAILABLE, "Kafka does not answer", "Try again in a moment.")

    @blueprint.errorhandler(PyMongoError)
    def mongodb_is_away(_: PyMongoError) -> Response:
        return problem(_UNAVAILABLE, "MongoDB does not answer", "Try again in a moment.")

    def is_gone(error: Exception) -> Response:
        return problem(_NOT_FOUND, "Not there", str(error))

    for kind in (NoSuchTaskError, NoSuchLetterError, NoSuchLaneError, QueueNotFound):
        blueprint.register_error_handler(kind, is_gone)


_NOT_FOUND = 404
_UNAVAILABLE = 503
