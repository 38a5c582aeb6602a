"""The parser's HTTP face: `POST /parse/pdf`, `/livez`, `/readyz`.

Served by gunicorn's sync workers, one request at a time in each. Promises JSON of one shape for
every answer, and logs without anything out of the resume.
"""

import time
from http import HTTPStatus

import structlog
from flask import Flask, request
from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from resume_parser.errors import PdfError
from resume_parser.sandbox import InterruptedParseError, parse_in_child

MAX_FILE_BYTES = 10 * 1024 * 1024
# Multipart boundaries and part headers count towards the body, not the file.
_ENVELOPE_BYTES = 64 * 1024
_MESSAGES = {
    HTTPStatus.BAD_REQUEST: "Send one PDF as the multipart field `file`.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address. Send resumes to POST /parse/pdf.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not answer to that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The file is larger than 10 MB. Upload a smaller PDF.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The parser was interrupted. Try again.",
}
_INTERNAL_ERROR = "The parser failed. Try again later."

log = structlog.get_logger(__name__)


def create_app() -> Flask:
    """Build the WSGI application."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_FILE_BYTES + _ENVELOPE_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.add_url_rule("/parse/pdf", view_func=parse_pdf, methods=["POST"])
    app.add_url_rule("/livez", "livez", lambda: {"status": "ok"})
    app.add_url_rule("/readyz", "readyz", lambda: {"status": "ready"})
    app.register_error_handler(HTTPException, _refuse)
    return app


def parse_pdf() -> ResponseReturnValue:
    """Answer with the resume in the uploaded PDF, or with what is wrong with the file."""
    started = time.monotonic()
    data = _uploaded_file()
    pages: int | None = None
    try:
        parsed = parse_in_child(data)
    except PdfError as error:
        outcome, status = error.reason, HTTPStatus.UNPROCESSABLE_ENTITY
        body = {"success": False, "message": error.message}
    except InterruptedParseError:
        outcome, status = "interrupted", HTTPStatus.SERVICE_UNAVAILABLE
        body = {"success": False, "message": _MESSAGES[status]}
    else:
        outcome, status, pages = "parsed", HTTPStatus.OK, parsed.pages
        body = {"success": True, "message": "Resume parsed.", "cv_data": parsed.cv_data}
    elapsed_ms = round((time.monotonic() - started) * 1000)
    log.info("pdf.answered", outcome=outcome, size_bytes=len(data), pages=pages, ms=elapsed_ms)
    return body, status


def _uploaded_file() -> bytes:
    """Return the bytes of the only file; raise the HTTP error for anything else."""
    try:
        files = list(request.files.items(multi=True))
    except (OSError, ParseException) as error:  # the body's chunks are malformed or cut off
        raise BadRequest from error
    if [name for name, _ in files] != ["file"]:
        raise BadRequest
    data: bytes = files[0][1].read(MAX_FILE_BYTES + 1)
    if not data:
        raise BadRequest
    if len(data) > MAX_FILE_BYTES:
        raise RequestEntityTooLarge
    return data


def _refuse(error: HTTPException) -> ResponseReturnValue:
    """Answer in the contract's shape; Flask has logged whatever was no HTTP error."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    message = _MESSAGES.get(status, _INTERNAL_ERROR if is_ours else status.phrase)
    return {"success": False, "message": message}, status
