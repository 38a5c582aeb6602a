"""GET /api/v1/resumes/job-status: the polling fallback; GET /api/v1/resumes/<id>: the resume."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, NotFound

from resumes.identity import Identity
from resumes.job import Job, is_object_id


class JobReader(Protocol):
    """Where a user's jobs are read."""

    def get(self, job_id: str, user_id: str) -> Job | None:
        """Return the user's job; None when it is unknown or another user's."""


class ResumeReader(Protocol):
    """Where a user's stored resume is read."""

    def resume(self, user_id: str, resume_id: str) -> dict[str, Any] | None:
        """Return the user's resume as stored, None when he has none of that id."""


def job_status_blueprint(
    jobs: JobReader,
    resumes: ResumeReader,
    authenticate: Callable[[Sequence[str]], Identity],
) -> Blueprint:
    """Return the blueprint of both reading endpoints."""
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
        return _job_response(job)

    # An id's length, so that "upload" stays the upload's address whatever the method.
    @blueprint.get("/api/v1/resumes/<string(length=24):resume_id>")
    def stored_resume(resume_id: str) -> Response:
        identity = authenticate(("headers",))
        resume = resumes.resume(identity.user_id, resume_id) if is_object_id(resume_id) else None
        if resume is None:
            raise NotFound("There is no such resume.")
        return _resume_response(resume)

    return blueprint


def _job_response(job: Job) -> Response:
    response = jsonify(_body(job))
    response.set_etag(f"{job.status}-{job.attempt}-{job.rev}")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization"
    if not job.status.is_terminal:
        response.headers["Retry-After"] = "2"
    response.make_conditional(request)
    return response


def _resume_response(resume: dict[str, Any]) -> Response:
    created_at = _iso(resume.get("created_at"))
    # Other services write resumes too: whatever JSON can't hold (ids, dates) is shown as text.
    body = json.dumps(
        {"success": True, "resume": {**resume, "created_at": created_at}},
        default=str,
        ensure_ascii=False,
    )
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization"
    return response


def _body(job: Job) -> dict[str, Any]:
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
        "next_retry_at": _iso(job.next_retry_at),
        "created_at": _iso(job.created_at),
        "updated_at": _iso(job.updated_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
