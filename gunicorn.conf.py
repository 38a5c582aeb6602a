"""gunicorn's settings for the web process: HTTP, pages and /ws on one port, under gevent.

Read by gunicorn's master. Each worker imports wsgi.py after the fork (no preload): clients of
MongoDB and Kafka do not survive one.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import FrameType
from typing import Any

import gevent
import structlog
from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.ggevent import GeventWorker
from prometheus_client import multiprocess

_SERVICE_RESTARTS = 1012
_DEVELOPMENT = os.environ.get("APP_ENV") == "development"
#: Asked every second by machines: not worth a line.
_PROBES = {"/livez", "/readyz", "/metrics"}
#: The one path whose requests stay open for hours.
_WEBSOCKET = "/ws"
#: gunicorn's own limits alone allow 100 headers of 8 KB, and lists in them are parsed by us.
_MAX_HEAD_BYTES = 32 * 1024
#: A body's time, from the end of the head: 10 MB at 90 kB/s. The answer's, after that, is the same.
_REQUEST_TIMEOUT_S = float(os.environ.get("REQUEST_TIMEOUT_S", "120"))
#: More than a refused upload has, but not without end.
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARD_STEP_BYTES = 64 * 1024
#: A client that is still sending when it is refused gets to read why.
_LINGER_S = 1

_STATUS_OF = {
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}

log = structlog.get_logger("gunicorn")


class Worker(GeventWorker):  # type: ignore[misc] # untyped
    """gevent's worker, with an end to each request, and one form of answer to what is no HTTP.

    gunicorn itself bounds the request line, each header and, by `keepalive`, the time for a head.
    """

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Serve one request, or cut its connection."""
        if sum(len(name) + len(value) for name, value in req.headers) > _MAX_HEAD_BYTES:
            raise LimitRequestHeaders("all headers together")
        if req.path == _WEBSOCKET:
            req.force_close()  # what follows a handshake, taken or refused, is no request
            super().handle_request(listener_name, req, sock, addr)
            return
        overtime = gevent.spawn(_cut_off, req, sock)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except OSError:
            if overtime.ready():
                raise StopIteration from None  # how gunicorn ends a connection
            raise
        finally:
            _discard_body(req)
            overtime.kill(block=False)

    def handle_error(self, _req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what never reached the application; quote nothing of it, as tokens stand in it."""
        if not isinstance(exc, Exception):
            return  # the process ends
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, ParseException):
            status = _STATUS_OF.get(type(exc), HTTPStatus.BAD_REQUEST)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("http.bug", exc_info=exc)
        else:
            remote = addr[0] if addr else ""
            log.info("http.refused", status=status, error=type(exc).__name__, remote=remote)
        with suppress(OSError):
            util.write_nonblock(client, _refusal(status))
            util.close_graceful(client, timeout=_LINGER_S)


def _cut_off(req: Any, sock: Any) -> None:
    """End the request's body, and later its answer: nobody holds a connection by being slow."""
    gevent.sleep(_REQUEST_TIMEOUT_S)
    log.info("http.cut_off", path=req.path)
    # What comes now could only be taken for the next request.
    req.force_close()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RD)
        gevent.sleep(_REQUEST_TIMEOUT_S)
        sock.shutdown(socket.SHUT_RDWR)


def _discard_body(req: Any) -> None:
    """Read what the application left unread, so that the client gets to read his answer.

    gunicorn would do it in steps of 1 KB, each of which copies all that has arrived.
    """
    with suppress(OSError, ParseException):
        for _ in range(_MAX_DISCARDED_BYTES // _DISCARD_STEP_BYTES):
            if not req.body.read(_DISCARD_STEP_BYTES):
                return
            gevent.sleep(0)  # a client that never pauses must not hold the others up
    req.force_close()


def _refusal(status: HTTPStatus) -> bytes:
    """Return a whole answer in the application's form."""
    # Not before gevent has patched the standard library that they import.
    from resumes.errors import ResumeError  # noqa: PLC0415
    from webapp.errors import problem_members  # noqa: PLC0415
    from webapp.request_context import SECURITY_HEADERS  # noqa: PLC0415

    code, message = "http_refused", "The request can't be read as HTTP."
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        code, message = ResumeError.code, ResumeError.advice
    body = json.dumps(problem_members(status, code, message, "")).encode()
    head = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": len(body),
        **SECURITY_HEADERS,
    }
    lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{n}: {v}" for n, v in head.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class AccessLogger(Logger):  # type: ignore[misc] # untyped
    """One JSON line for a request, as structlog's, and never a query string: tokens stand there."""

    def access(
        self,
        resp: Any,
        req: Any,  # noqa: ARG002  # gunicorn's signature
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> None:
        """Write the line."""
        if environ.get("PATH_INFO") in _PROBES:
            return
        line = {
            "event": "http.request",
            "level": "info",
            "timestamp": datetime.now(UTC).isoformat(),
            "process": "web",
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("PATH_INFO"),
            "status": int(str(resp.status).split()[0]),
            "duration_ms": round(request_time.total_seconds() * 1000),
            "remote": environ.get("REMOTE_ADDR"),
        }
        # ASCII, since terminals obey control characters beyond it, too.
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an unhandled error; gunicorn hands its whole URI in."""
        super().exception(msg, *(str(arg).partition("?")[0] for arg in args), **kwargs)


bind = f"{'127.0.0.1' if _DEVELOPMENT else '0.0.0.0'}:{os.environ.get('PORT', '8000')}"
worker_class = Worker
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_connections = 2000
accesslog = "-"
logger_class = AccessLogger
# Longer than the 90 s for which a platform's router keeps its connections. On a developer's
# machine no router stands before it, and an idle browser would hold up each Ctrl-C.
keepalive = 2 if _DEVELOPMENT else 100
# Shorter than the 30 s after which a platform kills.
graceful_timeout = 25
# Its default place is the home directory: two services of one user would share it.
control_socket_disable = True
# Else a client behind a trusted proxy, or on this machine, moves our paths by SCRIPT_NAME.
forwarder_headers = ""


def post_worker_init(worker: Any) -> None:
    """Start the change stream; at SIGTERM tell every WebSocket that the server restarts."""
    realtime = worker.wsgi.extensions["realtime"]
    realtime.start()
    stop = signal.getsignal(signal.SIGTERM)

    def close_sockets_and_stop(signum: int, frame: FrameType | None) -> None:
        # Not here: a signal handler runs in gevent's hub, which must not block.
        gevent.spawn(realtime.close_all, _SERVICE_RESTARTS, "server restarting")
        if callable(stop):
            stop(signum, frame)

    signal.signal(signal.SIGTERM, close_sockets_and_stop)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
