"""What goes with every request: its id, its trace, and the answer's security headers."""

import re
import secrets

import structlog
from flask import Flask, Response, g, request

#: W3C trace context, version 00.
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[\w.-]{1,64}")

#: On every answer, also on those that gunicorn gives itself. What is no page may load nothing, and
#: is harmless where somebody opens it as one.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' {sockets}; font-src 'self'; form-action 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def register_request_context(app: Flask) -> None:
    """Bind ids before each request and set headers after it."""
    app.before_request(_bind)
    app.after_request(_finish)


def _bind() -> None:
    request_id = request.headers.get("X-Request-ID", "")
    g.request_id = request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8)
    traceparent = request.headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    g.traceparent = traceparent
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=g.request_id, trace_id=traceparent.split("-")[1]
    )


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers.update(SECURITY_HEADERS)
    if response.mimetype == "text/html":
        sockets = f"ws://{request.host} wss://{request.host}"
        response.headers["Content-Security-Policy"] = _PAGE_POLICY.format(sockets=sockets)
    return response
