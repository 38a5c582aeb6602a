"""GET /api/v1/resumes/job-status: polling; DELETE /api/v1/resumes/jobs/<id>: cancelling.

Our own pages get both as a part of the page.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, NotFound

from resumes.cancel import CancelStore, CancelTooLateError, JobEndedError, cancel_job
from resumes.identity import Identity
from resumes.job import Job, is_object_id
from resumes.waiting import Place, Queue, Throughput, place_of
from webapp.panels import job_panel, panel_wanted
from webapp.times import iso

log = structlog.get_logger(__name__)


class Jobs(CancelStore, Queue, Protocol):
    """A user's jobs, among all that wait."""


def job_status_blueprint(
    jobs: Jobs, throughput: Throughput, authenticate: Callable[[Sequence[str]], Identity]
) -> Blueprint:
    """Return the blueprint of a job's endpoints."""
    blueprint = Blueprint("job_status", __name__)

    @blueprint.get("/api/v1/resumes/job-status")
    def job_status() -> Response:
        identity = authenticate(("headers",))
        values = request.args.getlist("job_id")
        if len(values) != 1 or not is_object_id(values[0]):
            raise BadRequest("Give one job_id of 24 lower-case hexadecimal digits.")
        job = jobs.get(values[0], identity.user_id)
        if job is None:
            raise NotFound("There is no such job.")
        return _answer(job, place_of(job, jobs, throughput))

    @blueprint.delete("/api/v1/resumes/jobs/<job_id>")
    def cancel(job_id: str) -> Response:
        identity = authenticate(("headers",))
        try:
            job = cancel_job(jobs, job_id, identity.user_id) if is_object_id(job_id) else None
        except (CancelTooLateError, JobEndedError) as error:
            return _too_late(jobs.get(job_id, identity.user_id), error)
        if job is None:
            raise NotFound("There is no such job.")
        log.info("job.cancelled", job_id=job.id, user_id=identity.user_id)
        return _answer(job, Place())

    return blueprint


def _answer(job: Job, place: Place) -> Response:
    if panel_wanted():
        return job_panel(job, place, reason=request.args.get("reason"))
    return _job_response(job, place)


def _too_late(job: Job | None, error: CancelTooLateError | JobEndedError) -> Response:
    """Tell our page so beside the job, which goes on; raise the error for all others."""
    if job is None or not panel_wanted():
        raise error
    return job_panel(job, Place(), reason=error.code, status=HTTPStatus.CONFLICT)


def _job_response(job: Job, place: Place) -> Response:
    response = jsonify(_body(job, place))
    # All that can change is in it, the place in the queue too: a 304 must not freeze that.
    response.set_etag(f"{job.status}-{job.attempt}-{job.rev}-{place.position}-{place.estimate_s}")
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Authorization", "HX-Request"))
    if not job.status.is_terminal:
        response.headers["Retry-After"] = "2"
    response.make_conditional(request)
    return response


def _body(job: Job, place: Place) -> dict[str, Any]:
    return {
        "success": True,
        "job_id": job.id,
        "status": str(job.status),
        "error_message": job.error_message,
        "error_code": job.error_code,
        "resume_id": job.resume_id,
        "cv_data": job.cv_data,
        "file_name": job.file_name,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "next_retry_at": iso(job.next_retry_at),
        "position": place.position,
        "estimate_s": place.estimate_s,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
    }
