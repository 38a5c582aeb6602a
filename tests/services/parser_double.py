"""A parser service that misbehaves on request: a real HTTP server on a port of its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CV_DATA: dict[str, Any] = {
    "name": "Nguyễn Văn A",
    "email": "nguyenvana@example.com",
    "phone": "+84 123 456 789",
    "summary": "Experienced Software Engineer...",
    "skills": ["Go", "Python"],
    "education": [
        {"degree": "Bachelor", "institution": "UIT", "graduation_year": 2020, "gpa": 3.5}
    ],
    "experience": [
        {
            "title": "Developer",
            "company": "Tech Corp",
            "duration": "2020-2024",
            "responsibilities": ["Design"],
            "achievements": [],
        }
    ],
    "certifications": [],
    "languages": ["Vietnamese"],
}


class Request(BaseHTTPRequestHandler):
    """One request; behaviours answer through these methods or `wfile` itself."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        double = self.server.double
        with double.lock:
            double.bodies.append(body)
            number = len(double.bodies)
        double.behave(self, number)

    def json(self, status: int, body: object, **headers: str) -> None:
        self.send(status, json.dumps(body).encode(), "application/json", **headers)

    def send(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """Cut the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the usual 5, several workers wait a second to connect
    double: "ParserDouble"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


def completes(request: Request, _number: int) -> None:
    """Answer as the contract says."""
    request.json(200, {"success": True, "message": "ok", "cv_data": CV_DATA})


class ParserDouble:
    """`behave(request, number)` answers the number-th call, counted from 1."""

    def __init__(self) -> None:
        self.behave: Callable[[Request, int], None] = completes
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.double = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> int:
        return len(self.bodies)

    def reset(self) -> None:
        with self.lock:
            self.behave = completes
            self.bodies.clear()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def running_parser() -> Iterator[ParserDouble]:
    """A parser of one's own, which answers until it is left."""
    double = ParserDouble()
    double.start()
    try:
        yield double
    finally:
        double.stop()
