"""The parser's double as a process of its own, to be killed and paused like the real one.

`python -m tests.chaos.parser_process --port N --folder F`. How it answers is in the file `mode`,
which a scenario writes; what it answered goes to the file `calls`, so that both outlive the
process. The first word of a file's name says what is to become of it: `good`, `reject` (422) or
`flaky` (503 to the first tries, good then).
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.services.parser_double import CV_DATA

#: A small parse: long enough for several to be under way when a fault comes.
_USUAL_S = 0.02
_SLOW_S = 1.5
#: Longer than the worker waits for.
_HANG_S = 8
#: More tries than the parser's client makes within one attempt: the job has to come back.
_FLAKY_TRIES = 3
_HUGE_BYTES = 100 * 1024 * 1024
_CHUNK = bytes(1024 * 1024)
_FILE = re.compile(rb'filename="([^"]*)".*?\r\n\r\n(.*)\r\n--', re.DOTALL)


class ParserFiles:
    """The two files by which a scenario and the process speak."""

    def __init__(self, folder: Path) -> None:
        self._mode = folder / "mode"
        self._calls = folder / "calls"

    def set_mode(self, mode: str) -> None:
        """Have every call from now on answered in this way; "" is the usual one."""
        temporary = self._mode.with_suffix(".new")
        temporary.write_text(mode)
        temporary.replace(self._mode)  # at once, never half of it

    def mode(self) -> str:
        """Return how calls are to be answered."""
        return self._mode.read_text() if self._mode.exists() else ""

    def note(self, *words: object) -> None:
        """Append one call: file name, SHA-256, mode, status (0 where nothing was answered)."""
        line = " ".join(map(str, words)) + "\n"
        file = os.open(self._calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def calls(self) -> list[tuple[str, str, str, int]]:
        """Return all calls so far, those of earlier processes included."""
        if not self._calls.exists():
            return []
        lines = [line.split(" ") for line in self._calls.read_text().splitlines()]
        return [(name, sha256, mode, int(status)) for name, sha256, mode, status in lines]


class _Call(BaseHTTPRequestHandler):
    """One call of the parser; each way to answer returns the status, 0 for none."""

    protocol_version = "HTTP/1.1"
    server: "_Parser"

    def do_GET(self) -> None:
        self.send(200, b"", "text/plain")  # /readyz

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = _FILE.search(body)
        name, content = (found[1].decode(), found[2]) if found else ("no-file", b"")
        mode = self.server.files.mode()
        status = 0
        with contextlib.suppress(OSError):  # the worker has heard enough, or is gone
            status = self._answer(name, mode)
        self.server.files.note(name, hashlib.sha256(content).hexdigest(), mode or "usual", status)

    def _answer(self, name: str, mode: str) -> int:
        if mode in _MODES:
            return _MODES[mode](self)
        self.server.pause(_SLOW_S if mode == "slow" else _USUAL_S)
        kind = name.partition("-")[0]
        if kind == "reject":
            return self.answer(422, {"success": False, "message": "This file is to be refused."})
        if kind == "flaky" and self.server.next_try(name) <= _FLAKY_TRIES:
            return self.answer(503, {"success": False, "message": "Try again."})
        return self.answer(200, {"success": True, "message": "ok", "cv_data": CV_DATA})

    def answer(self, status: int, body: object, **headers: str) -> int:
        return self.send(status, json.dumps(body).encode(), "application/json", **headers)

    def send(self, status: int, body: bytes, content_type: str, **headers: str) -> int:
        length = {"Content-Length": str(len(body))}
        self.begin(status, {"Content-Type": content_type, **length, **headers})
        self.wfile.write(body)
        return status

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def reset(self) -> int:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return 0

    def cut(self) -> int:
        self.begin(200, {"Content-Type": "application/json", "Content-Length": "4096"})
        self.wfile.write(b'{"success": true, "cv_data": {')
        return self.reset()

    def huge(self) -> int:
        self.begin(200, {"Content-Type": "application/json", "Content-Length": str(_HUGE_BYTES)})
        for _ in range(_HUGE_BYTES // len(_CHUNK)):
            self.wfile.write(_CHUNK)
        return 200

    def hang(self) -> int:
        self.server.pause(_HANG_S)
        return self.reset()

    def redirect(self) -> int:
        # Nobody may follow it: the address could be one that only the worker can reach.
        return self.answer(302, {}, Location="http://127.0.0.1:1/parse/pdf")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """There is the file of calls."""


_MODES: dict[str, Callable[[_Call], int]] = {
    "500": lambda call: call.answer(500, {"success": False, "message": "broken"}),
    "429": lambda call: call.answer(429, {"success": False}, Retry_After="1"),
    "garbage": lambda call: call.answer(200, ["not", "what", "was", "agreed"]),
    "html": lambda call: call.send(200, b"<html>It works!</html>", "text/html"),
    "cut": _Call.cut,
    "huge": _Call.huge,
    "hang": _Call.hang,
    "redirect": _Call.redirect,
    "reset": _Call.reset,
}


class _Parser(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(("127.0.0.1", port), _Call)
        self.files = ParserFiles(folder)
        self._never = threading.Event()
        self._lock = threading.Lock()
        self._tries = Counter(name for name, *_ in self.files.calls())

    def pause(self, seconds: float) -> None:
        """Let the call take its time."""
        self._never.wait(seconds)

    def next_try(self, name: str) -> int:
        """Return the number of this call for the file, counted from 1."""
        with self._lock:
            self._tries[name] += 1
            return self._tries[name]

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that goes away in the middle is what the scenarios are about."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    _Parser(options.port, options.folder).serve_forever()


if __name__ == "__main__":
    main()
