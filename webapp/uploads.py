"""POST /api/v1/resumes/upload: authenticate, rate limit, validate, claim, store, publish.

The body is spooled to a temporary file, and cut off at the limit while it arrives, chunked or not;
nothing of it is read before the user and his quota are known.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from http import HTTPStatus

import structlog
from flask import Blueprint, Response, g, jsonify, request, url_for
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from resumes.errors import FileTooLargeError, ResumeError
from resumes.identity import Identity
from resumes.job import MAX_FILE_BYTES, JobStatus
from resumes.quota import Quota
from resumes.submit import SubmitResume, UploadedFile, check_idempotency_key
from webapp.metrics import JOBS_CREATED, UPLOADS
from webapp.multipart import read_files
from webapp.panels import accepted_panel, panel_wanted

log = structlog.get_logger(__name__)

#: The multipart envelope round a file: boundaries, part headers, a long file name.
ENVELOPE_BYTES = 64 * 1024
MAX_BODY_BYTES = MAX_FILE_BYTES + ENVELOPE_BYTES

ACCEPTED_MESSAGE = "Resume upload accepted. Processing will be done asynchronously."
_POLL_AFTER_S = 2
_DAY_S = 24 * 3600


def uploads_blueprint(
    submit: SubmitResume, authenticate: Callable[[Sequence[str]], Identity], daily_limit: int
) -> Blueprint:
    """Return the blueprint of the upload endpoint."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/api/v1/resumes/upload")
    def upload() -> Response:
        try:
            identity = authenticate(("headers",))
            response = _accept(submit, identity)
        except ResumeError as error:
            UPLOADS.labels(error.code).inc()
            log.info("upload.refused", code=error.code)
            raise
        except HTTPException as error:
            UPLOADS.labels(f"http_{error.code}").inc()
            raise
        UPLOADS.labels("accepted").inc()
        return response

    @blueprint.after_request
    def add_rate_limit(response: Response) -> Response:
        response.headers["RateLimit-Policy"] = f'"daily";q={daily_limit};w={_DAY_S}'
        quota: Quota | None = g.get("quota")
        if quota is not None:
            response.headers["RateLimit"] = f'"daily";r={quota.remaining};t={quota.resets_in_s}'
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                response.headers["Retry-After"] = str(quota.resets_in_s)
        return response

    return blueprint


def _accept(submit: SubmitResume, identity: Identity) -> Response:
    key = request.headers.get("Idempotency-Key")
    check_idempotency_key(key)
    g.quota = submit.quota_of(identity.user_id)
    submit.check_rate(identity.user_id, g.quota, key)
    with ExitStack() as spooled:
        files = _files(spooled)
        job_id = submit.submit(
            identity.user_id, files, idempotency_key=key, traceparent=g.traceparent
        )
    g.quota = submit.quota_of(identity.user_id)
    JOBS_CREATED.inc()
    log.info("job.created", job_id=job_id, user_id=identity.user_id)
    if panel_wanted():
        response = accepted_panel(job_id, files[0].name)
    else:
        response = jsonify(
            success=True, message=ACCEPTED_MESSAGE, job_id=job_id, status=str(JobStatus.PENDING)
        )
    response.status_code = HTTPStatus.ACCEPTED
    response.headers["Location"] = url_for("job_status.job_status", job_id=job_id)
    response.headers["Retry-After"] = str(_POLL_AFTER_S)
    return response


def _files(spooled: ExitStack) -> list[UploadedFile]:
    """Return the files of the multipart body: all of several, but a single one only as `file`."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the multipart body without Content-Encoding.")
    try:
        files = read_files(request, spooled)
    except RequestEntityTooLarge:
        raise FileTooLargeError from None
    return [
        UploadedFile(file.name, file.content)
        for file in files
        if len(files) > 1 or file.field == "file"
    ]
