"""What the pages get for their own requests: the same facts as the API's JSON, to be looked at."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from resumes.errors import JobInFlight, PublishFailedError, StoreUnavailableError
from resumes.job import Job, JobStatus
from resumes.waiting import MAX_POSITION, Place
from webapp.errors import register_error_handlers
from webapp.job_status import job_status_blueprint
from webapp.pages import pages_blueprint
from webapp.panels import job_panel

FROM_PAGE = {"HX-Request": "true"}
JOB_ID = "65f7a1234567890abcdef789"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def app() -> Flask:
    app = Flask("webapp", static_folder=None)
    register_error_handlers(app)
    app.register_blueprint(pages_blueprint())
    nobody: Any = None
    app.register_blueprint(job_status_blueprint(nobody, nobody, nobody))
    return app


def job(status: JobStatus, **values: Any) -> Job:
    known = {"id": JOB_ID, "user_id": "0" * 24, "file_name": "<b>cv</b>.pdf", "status": status}
    numbers = {"attempt": 1, "max_attempts": 5, "rev": 2, "size_bytes": 9}
    times = {"created_at": NOW, "updated_at": NOW}
    return Job(**{**known, **numbers, **times, "sha256": "", **values})


def shown(app: Flask, present: Job, place: Place | None = None, language: str = "en") -> str:
    headers = {**FROM_PAGE, "Accept-Language": language}
    with app.test_request_context("/", headers=headers):
        return job_panel(present, place or Place()).get_data(as_text=True)


def test_only_a_job_that_has_not_ended_is_asked_for_again(app: Flask) -> None:
    assert 'hx-trigger="refresh, every 5s"' in shown(app, job(JobStatus.PENDING))
    assert 'hx-trigger="refresh, every 10s"' in shown(app, job(JobStatus.PROCESSING))
    ended = shown(app, job(JobStatus.COMPLETED, resume_id=JOB_ID, cv_data={"name": "A"}))
    assert "hx-get" not in ended
    assert "hx-get" not in shown(app, job(JobStatus.FAILED, error_code="file_lost"))


def test_a_name_is_text(app: Flask) -> None:
    assert "&lt;b&gt;cv&lt;/b&gt;.pdf" in shown(app, job(JobStatus.PENDING))


@pytest.mark.parametrize(
    ("place", "language", "text"),
    [
        (Place(0), "en", "You are next."),
        (Place(3), "en", "Uploads before yours: 3."),
        (Place(MAX_POSITION), "en", "Uploads before yours: 1,000 or more."),
        (Place(MAX_POSITION), "vi", "từ 1.000 trở lên"),
        (Place(3, 61), "en", "Your turn comes in about 2 minutes."),
        (Place(3, 1), "en", "in about 1 minute."),
        (Place(3, 3600), "en", "in about 1 hour."),
        (Place(3, 3601), "en", "in about 2 hours."),
    ],
)
def test_a_place_in_the_queue_is_told_in_words(
    app: Flask, place: Place, language: str, text: str
) -> None:
    assert text in shown(app, job(JobStatus.PENDING), place, language)


def test_a_cancelled_job_is_not_followed_any_more(app: Flask) -> None:
    html = shown(app, job(JobStatus.FAILED, error_code="cancelled"))

    assert "data-job" not in html
    assert "Upload cancelled" in html


def test_a_code_without_a_text_shows_what_the_server_said(app: Flask) -> None:
    html = shown(app, job(JobStatus.FAILED, error_code="brand_new", error_message="Do <this>."))

    assert "That did not work" in html
    assert "Do &lt;this&gt;." in html


@pytest.mark.parametrize(
    ("method", "error", "parts"),
    [
        ("POST", PublishFailedError(), ['id="problem"', 'id="again"']),
        ("POST", JobInFlight(JOB_ID), [f"job_id={JOB_ID}", "reason=job_in_flight", "load"]),
        ("GET", StoreUnavailableError(), ["We are not available"]),
        ("DELETE", StoreUnavailableError(), ["We are not available"]),
    ],
)
def test_a_page_is_told_of_a_problem_where_its_reader_looks(
    app: Flask, method: str, error: Exception, parts: list[str]
) -> None:
    def fail() -> str:
        raise error

    app.add_url_rule("/failing", "failing", fail, methods=[method])
    answer = app.test_client().open("/failing", method=method, headers=FROM_PAGE)
    plain = app.test_client().open("/failing", method=method)

    assert answer.mimetype == "text/html"
    assert all(part in answer.text for part in parts)
    assert ('id="problem"' in answer.text) == ('id="problem"' in parts)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert plain.mimetype == "application/problem+json"
    assert plain.status_code == answer.status_code
