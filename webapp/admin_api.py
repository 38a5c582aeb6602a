"""/api/v1/admin/: everything of the dashboard for programs. docs/admin-api.md says it to them.

Whoever is signed in may look; to act takes the role operator. Lists are cut into pages: `cursor`
and `limit` in, `next_cursor` and a `Link` to the next page out.
"""

from collections.abc import Callable
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request, url_for
from werkzeug.exceptions import NotFound

from resumes.job_filter import FilterError, JobFilter
from resumes.operating import Operation, OperationKind, Refusal, Role
from resumes.operation_ports import Doing
from webapp import admin_json
from webapp.admin_requests import (
    MAX_TOKEN_LENGTH,
    asked_cursor,
    asked_limit,
    json_body,
    new_operation,
    page_of,
    text_of,
)
from webapp.dashboard.ports import (
    AdminReads,
    Audit,
    Operations,
    OperatorGuard,
)
from webapp.dashboard.queue_ports import DeadLetter, LettersBrowser
from webapp.errors import problem
from webapp.pdf_download import pdf_download

PREFIX = "/api/v1/admin"
_REFUSED = {
    Refusal.HAS_RESUME: "Its user has a resume already.",
    Refusal.FILE_GONE: "Its file is not stored any more.",
    Refusal.IN_FLIGHT: "Another job of its user is under way.",
    Refusal.NEWER_UPLOAD: "A newer upload of its user is replayed.",
    Refusal.USER_UNKNOWN: "Its user does not exist any more.",
    Refusal.CHANGED: "Its state does not allow it (any more).",
    Refusal.DISCARDED: "It was discarded.",
    Refusal.CANCELLED: "Its user cancelled it.",
    Refusal.UNKNOWN_JOB: "There is no such job.",
}


class JobActor(Protocol):
    """Does one thing to one job."""

    def act_alone(self, kind: OperationKind, job_id: str, doing: Doing) -> Refusal | None:
        """Return why nothing was done; None when it is done."""


class Letters(LettersBrowser, Protocol):
    """The dead letters, and whose they are."""

    def job_of(self, letter: Any) -> str | None:
        """Return the job that it belongs to, None when that is none of ours."""


def admin_blueprint(
    *,
    guard: OperatorGuard,
    reads: AdminReads,
    jobs: JobActor,
    operations: Operations,
    letters: Letters,
    audit: Audit,
) -> Blueprint:
    """Return the blueprint of the API."""
    blueprint = Blueprint("admin_api", __name__, url_prefix=PREFIX)
    blueprint.register_error_handler(FilterError, _filter_error)

    @blueprint.before_request
    def only_operators() -> None:
        guard.require(Role.VIEWER if request.method in {"GET", "HEAD"} else Role.OPERATOR)

    def operator() -> str:
        return guard.require(Role.OPERATOR).name

    _add_jobs(blueprint, reads, jobs, audit, operator)
    _add_operations(blueprint, operations, operator)
    _add_letters(blueprint, letters, audit, operator)

    @blueprint.get("/audit")
    def entries() -> Response:
        found, following = audit.entries(cursor=asked_cursor(), limit=asked_limit())
        return page_of([admin_json.entry_json(entry) for entry in found], following)

    return blueprint


def _add_jobs(
    blueprint: Blueprint,
    reads: AdminReads,
    actor: JobActor,
    audit: Audit,
    operator: Callable[[], str],
) -> None:
    @blueprint.get("/jobs")
    def jobs() -> Response:
        wanted = JobFilter.from_values(request.args)
        page = reads.jobs(wanted, cursor=asked_cursor(), limit=asked_limit())
        return page_of([admin_json.job_json(job) for job in page.jobs], page.next_cursor)

    @blueprint.get("/jobs/<job_id>")
    def job(job_id: str) -> Response:
        details = reads.details(job_id)
        if details is None:
            raise NotFound(_REFUSED[Refusal.UNKNOWN_JOB])
        return jsonify(admin_json.details_json(details))

    @blueprint.post("/jobs/<job_id>/file")
    def download_file(job_id: str) -> Response:
        reason = text_of(json_body(), "reason")
        return pdf_download(reads, audit, job_id, operator=operator(), reason=reason)

    @blueprint.post("/jobs/<job_id>/<any('replay', 'retry-now', 'discard'):way>")
    def act_on_job(job_id: str, way: str) -> Response:
        kind = OperationKind(way.replace("-", "_"))
        refusal = actor.act_alone(kind, job_id, Doing(operator(), text_of(json_body(), "reason")))
        if refusal is None:
            return jsonify(success=True, job_id=job_id, done=str(kind))
        status = 404 if refusal is Refusal.UNKNOWN_JOB else 409
        return problem(status, str(refusal), _REFUSED[refusal], job_id=job_id)

    @blueprint.get("/failure-groups")
    def failure_groups() -> Response:
        return page_of([admin_json.group_json(group) for group in reads.failure_groups()], None)


def _add_operations(
    blueprint: Blueprint, operations: Operations, operator: Callable[[], str]
) -> None:
    def answer(operation: Operation | None) -> Response:
        if operation is None:
            raise NotFound("There is no such operation.")
        return jsonify(admin_json.operation_json(operation))

    @blueprint.post("/operations")
    def start() -> Response:
        body = json_body()
        token = text_of(body, "request_id", most=MAX_TOKEN_LENGTH)
        operation = operations.start(new_operation(body, operator()), request_id=token)
        response = answer(operation)
        response.status_code = 202
        response.headers["Location"] = url_for(".operation", operation_id=operation.id)
        return response

    @blueprint.get("/operations")
    def recent() -> Response:
        found = operations.recent(asked_limit())
        return page_of([admin_json.operation_json(one) for one in found], None)

    @blueprint.get("/operations/<operation_id>")
    def operation(operation_id: str) -> Response:
        return answer(operations.get(operation_id))

    @blueprint.post("/operations/<operation_id>/stop")
    def stop(operation_id: str) -> Response:
        return answer(operations.stop(operation_id, operator()))

    @blueprint.get("/operations/<operation_id>/items")
    def items(operation_id: str) -> Response:
        answer(operations.get(operation_id))
        found, following = operations.items(
            operation_id,
            only_refused=request.args.get("only_refused") == "1",
            cursor=asked_cursor(),
            limit=asked_limit(),
        )
        return page_of([admin_json.item_json(item) for item in found], following)


def _add_letters(
    blueprint: Blueprint, letters: Letters, audit: Audit, operator: Callable[[], str]
) -> None:
    def found(letter_id: str) -> DeadLetter:
        letter = letters.get(letter_id)
        if letter is None:
            raise NotFound("There is no such dead letter. Kafka may have removed it by now.")
        return letter

    @blueprint.get("/letters")
    def letter_list() -> Response:
        unjobbed_only = request.args.get("unjobbed") == "1"
        some, following = letters.page(asked_cursor(), asked_limit(), unjobbed_only=unjobbed_only)
        return page_of([admin_json.letter_json(letter) for letter in some], following)

    @blueprint.get("/letters/<letter_id>")
    def letter(letter_id: str) -> Response:
        one = found(letter_id)
        return jsonify(admin_json.whole_letter_json(one, letters.job_of(one)))

    @blueprint.post("/letters/<letter_id>/<any('replay', 'discard'):way>")
    def act_on_letter(letter_id: str, way: str) -> Response:
        reason, who = text_of(json_body(), "reason"), operator()
        if job_id := letters.job_of(found(letter_id)):
            message = "It is the dead letter of a job: do it to the job."
            return problem(409, "letter_has_job", message, job_id=job_id)
        done = letters.replay(letter_id) if way == "replay" else letters.discard(letter_id)
        if not done:
            message = "It was dealt with before, or can't go back where it came from."
            return problem(409, "letter_refused", message)
        audit.note(who, f"letter.{way}", letter_id, reason)
        return jsonify(success=True, letter_id=letter_id, done=way)


def _filter_error(error: FilterError) -> Response:
    return problem(400, "filter_invalid", str(error))
