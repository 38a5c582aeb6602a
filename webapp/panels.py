"""Parts of the pages as HTML: how the API answers the pages' own requests.

htmx marks its requests with `HX-Request`, which no other site can send; who asks without it gets
JSON. Whatever is wrong is told in the place that the reader looks at: as a panel of its own, or as
a line beside what he wanted to change.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, render_template, request

from resumes.cancel import CANCELLED
from resumes.job import Job, JobStatus
from resumes.waiting import MAX_POSITION, Place
from webapp.i18n import Catalog, reader_texts
from webapp.resume_view import view_of

#: The same thing may succeed in a moment.
_MAY_PASS = frozenset(
    {
        "network",
        "unavailable",
        "publish_failed",
        "internal_error",
        "file_lost",
        "idempotency_in_progress",
        "parser_unavailable",
    }
)
#: Another file would end the same way.
_CHOOSING_HELPS_NOT = frozenset({"resume_exists", "user_unknown"})
#: Another file is what helps.
_FAULTS_OF_THE_FILE = frozenset({"parser_rejected", "parser_bad_answer"})
#: What the present job tells beside its own state: why it is shown, or why it goes on.
_REASONS = frozenset({"job_in_flight", "job_processing", "job_ended"})
_HOUR_MINUTES = 60


def panel_wanted() -> bool:
    """True when one of our pages asks."""
    return request.headers.get("HX-Request") == "true"


def panel(template: str, status: int = HTTPStatus.OK, **values: object) -> Response:
    """Return a part of a page in the reader's language; it is his alone, and soon stale."""
    texts = reader_texts()
    response = Response(render_template(template, t=texts, **values), status)
    response.headers["Content-Language"] = texts.language
    response.headers["Cache-Control"] = "private, no-store"
    return response


def problem_panel(status: int, code: str, message: str, members: Mapping[str, object]) -> Response:
    """Return what is wrong and what to do next; that job's place instead, where it is about one.

    A line of it is enough beside what was to be changed, and where the page will ask again.
    """
    is_asked_again = request.method == "GET" and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if request.method in {"PATCH", "DELETE"} or is_asked_again:
        return panel("_line.html", status, line=reader_texts().problem(code, message))
    if job_id := members.get("job_id"):
        return panel("_job_to_come.html", status, job_id=job_id, reason=code)
    problem = {**problem_view(code, message), "resume_id": members.get("resume_id")}
    return panel("_problem.html", status, problem=problem)


def problem_view(code: str, message: str = "") -> dict[str, object]:
    """Return what `_problem.html` shows."""
    known = reader_texts().knows_problem(code)
    return {
        "code": code,
        "known_code": code if known else "unknown",
        "next": "" if known else message,
        # Only the parser knows why it refused this very file.
        "reason": message if code == "parser_rejected" else "",
        "may_pass": code in _MAY_PASS,
        "is_of_the_file": code in _FAULTS_OF_THE_FILE,
        "is_closed": code in _CHOOSING_HELPS_NOT,
    }


def accepted_panel(job_id: str, file_name: str) -> Response:
    """Return the place of a job that was accepted: it asks for its state at once."""
    return panel("_job_to_come.html", HTTPStatus.ACCEPTED, job_id=job_id, file_name=file_name)


def job_panel(job: Job, place: Place, *, reason: str | None = None, status: int = 200) -> Response:
    """Return one job's state: its steps, its place in the queue, its resume or what went wrong."""
    return panel(
        "_job.html",
        status,
        job=job,
        step=_step_of(job),
        reason=reason if reason in _REASONS else None,
        place=_place_view(place, reader_texts()),
        problem=problem_view(job.error_code, job.error_message),
        is_cancelled=job.error_code == CANCELLED,
        resume=view_of(job.cv_data or {}),
    )


def _step_of(job: Job) -> str:
    return JobStatus.PROCESSING if job.status is JobStatus.FAILED else job.status


def _place_view(place: Place, texts: Catalog) -> str:
    if place.position is None:
        return ""
    count = texts.number(place.position)
    if place.position == 0:
        where = texts("place.next")
    else:
        is_many = place.position >= MAX_POSITION
        where = texts("place.many" if is_many else "place.behind", count=count)
    if not place.estimate_s:
        return where
    return f"{where} {texts('place.wait', time=_wait_in_words(place.estimate_s, texts))}"


def _wait_in_words(seconds: int, texts: Catalog) -> str:
    """Return a time to wait in whole minutes or hours, never too short."""
    number, unit = math.ceil(seconds / 60), "minute"
    if number >= _HOUR_MINUTES:
        number, unit = math.ceil(number / _HOUR_MINUTES), "hour"
    return texts(f"wait.{unit}" if number == 1 else f"wait.{unit}s", count=texts.number(number))
