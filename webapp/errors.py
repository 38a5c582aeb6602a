"""Every error of the web process as application/problem+json (RFC 9457), one table.

Beside the RFC's members stand the customer's `success` and `message`, and a stable `code`. Our own
pages get the same as a part of the page.
"""

from http import HTTPStatus

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from resumes import cancel, correct, errors
from resumes.errors import ResumeError
from webapp.panels import panel_wanted, problem_panel

log = structlog.get_logger(__name__)

STATUS_OF: dict[type[ResumeError], HTTPStatus] = {
    errors.FileMissingError: HTTPStatus.BAD_REQUEST,
    errors.SeveralFilesError: HTTPStatus.BAD_REQUEST,
    errors.FileEmptyError: HTTPStatus.BAD_REQUEST,
    errors.NotAPdfError: HTTPStatus.BAD_REQUEST,
    errors.FileTooLargeError: HTTPStatus.BAD_REQUEST,
    errors.IdempotencyKeyInvalidError: HTTPStatus.BAD_REQUEST,
    errors.ResumeAlreadyExists: HTTPStatus.BAD_REQUEST,
    errors.JobInFlight: HTTPStatus.CONFLICT,
    errors.IdempotencyInProgress: HTTPStatus.CONFLICT,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DailyLimitReached: HTTPStatus.TOO_MANY_REQUESTS,
    errors.PublishFailedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    cancel.CancelTooLateError: HTTPStatus.CONFLICT,
    cancel.JobEndedError: HTTPStatus.CONFLICT,
    correct.CorrectionInvalidError: HTTPStatus.BAD_REQUEST,
    correct.ResumeChangedError: HTTPStatus.PRECONDITION_FAILED,
}

#: What some problems say beside their code: an attribute of the error.
_MEMBER_OF: dict[type[ResumeError], str] = {
    errors.JobInFlight: "job_id",
    errors.ResumeAlreadyExists: "resume_id",
    correct.CorrectionInvalidError: "field",
    correct.ResumeChangedError: "version",
}

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
    428: "precondition_required",
    503: "unavailable",
}


def problem_members(status: int, code: str, message: str, instance: str) -> dict[str, object]:
    """Return what every problem says."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "instance": instance,
        "success": False,
        "message": message,
        "code": code,
    }


def problem(status: int, code: str, message: str, **members: object) -> Response:
    """Return a problem+json answer, or the panel that shows it."""
    if panel_wanted():
        return problem_panel(status, code, message, members)
    response = jsonify({**problem_members(status, code, message, request.path), **members})
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def register_error_handlers(app: Flask) -> None:
    """Turn the core's errors, HTTP errors and bugs into problems."""
    app.register_error_handler(ResumeError, _resume_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug)


def _resume_error(error: ResumeError) -> Response:
    name = _MEMBER_OF.get(type(error))
    members = {name: getattr(error, name)} if name else {}
    status = STATUS_OF.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    response = problem(status, error.code, str(error), **members)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    # Werkzeug's own texts are fine to show; they speak of the request, not of us.
    response = problem(status, _CODE_OF_STATUS.get(status, "http_error"), error.description or "")
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "Upgrade", "Sec-WebSocket-Version"}:
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    log.error("request.bug", path=request.path, exc_info=error)
    return problem(500, ResumeError.code, ResumeError.advice)
