"""The dashboard's pages, below /dashboard: how the jobs do, and what an operator can do about it.

Rendered by the server, whole at each address, so they work without scripts; htmx asks for the same
address again and takes the live part out of the answer. A module a page; `ports.py` says what they
ask of others, `shell.py` what surrounds them.
"""

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, make_response, render_template
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, NotFound

from resumes.errors import ResumeError
from resumes.job_filter import FilterError
from resumes.operating import Role
from webapp.dashboard.audit import add_audit
from webapp.dashboard.failures import add_failures
from webapp.dashboard.formats import FILTERS
from webapp.dashboard.job_page import add_job_page
from webapp.dashboard.jobs import add_jobs
from webapp.dashboard.lanes import add_lanes
from webapp.dashboard.letters import add_letters
from webapp.dashboard.operations import add_operations
from webapp.dashboard.overview import add_overview
from webapp.dashboard.ports import (
    AdminReads,
    Audit,
    Operations,
    OperatorGuard,
    Ports,
    Statistics,
)
from webapp.dashboard.queue_ports import Breaker, Lanes, LettersBrowser, QueueState
from webapp.dashboard.shell import Shell
from webapp.dashboard.words import WORDS
from webapp.errors import STATUS_OF


def dashboard_blueprint(  # noqa: PLR0913 - a composition root's collaborators, all by name
    *,
    guard: OperatorGuard,
    reads: AdminReads,
    statistics: Statistics,
    operations: Operations,
    audit: Audit,
    queue_state: QueueState,
    breaker: Breaker,
    letters: LettersBrowser,
    lanes: Lanes,
    sockets: Callable[[], int | None] = lambda: None,
    links: Sequence[tuple[str, str]] = (),
) -> Blueprint:
    """Return the pages; `links` are (name, address) of others that belong to the dashboard."""
    ports = Ports(
        guard=guard,
        reads=reads,
        statistics=statistics,
        operations=operations,
        audit=audit,
        queue_state=queue_state,
        breaker=breaker,
        letters=letters,
        lanes=lanes,
    )
    blueprint = Blueprint(
        "dashboard", __name__, url_prefix="/dashboard", template_folder="../templates"
    )
    _surround(blueprint, ports, links)
    add_overview(blueprint, ports, sockets=sockets)
    add_jobs(blueprint, ports)
    add_job_page(blueprint, ports)
    add_failures(blueprint, ports)
    add_operations(blueprint, ports)
    add_letters(blueprint, ports)
    add_lanes(blueprint, ports)
    add_audit(blueprint, ports)
    return blueprint


def _surround(blueprint: Blueprint, ports: Ports, links: Sequence[tuple[str, str]]) -> None:
    """Let nobody in who is not signed in, keep nothing, and show errors as pages."""

    @blueprint.before_request
    def only_operators() -> None:
        ports.guard.require(Role.VIEWER)

    @blueprint.after_request
    def keep_nothing(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    # Else a mistyped address would be answered with the API's JSON.
    @blueprint.get("/<path:address>")
    def nowhere(address: str) -> Response:  # noqa: ARG001 - the route's
        raise NotFound("There is no such page.")

    # Also for the blueprints that extend our base template.
    @blueprint.app_context_processor
    def surroundings() -> dict[str, object]:
        return {"shell": Shell(ports, links), "words": WORDS}

    @blueprint.record_once
    def add_filters(state: BlueprintSetupState) -> None:
        state.app.jinja_env.filters.update(FILTERS)

    blueprint.register_error_handler(HTTPException, http_problem_page)
    blueprint.register_error_handler(ResumeError, _resume_error)
    blueprint.register_error_handler(FilterError, _filter_error)


def http_problem_page(error: HTTPException) -> Response | HTTPException:
    """Show an HTTP error as one of the dashboard's pages; also for blueprints in its look."""
    if error.response is not None:
        return error
    return _problem_page(error.code or 500, error.name, error.description or "")


def _resume_error(error: ResumeError) -> Response:
    return _problem_page(STATUS_OF.get(type(error), 503), "Not reachable", str(error))


def _filter_error(error: FilterError) -> Response:
    return _problem_page(400, "This filter can't be read", str(error))


def _problem_page(status: int, title: str, advice: str) -> Response:
    html = render_template("dashboard/problem.html", title=title, advice=advice)
    return make_response(html, status)
