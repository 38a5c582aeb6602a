"""The worker's own HTTP port: /livez, /readyz and /metrics, on a daemon thread."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def start_probe_server(
    port: int,
    *,
    alive: Callable[[], bool],
    checks: Mapping[str, Callable[[], bool]],
    exposition: Callable[[], tuple[bytes, str]],
) -> ThreadingHTTPServer:
    """Serve the probes; raises OSError when the port is taken. `shutdown()` ends it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer one probe."""
            if self.path == "/livez":
                self._verdict("alive", holds=alive())
            elif self.path == "/readyz":
                results = {name: check() for name, check in checks.items()}
                self._verdict("ready", holds=all(results.values()), checks=results)
            elif self.path == "/metrics":
                self._answer(200, *exposition())
            else:
                self._answer(404, b'{"code": "not_found"}', "application/json")

        def _verdict(self, claim: str, *, holds: bool, **details: object) -> None:
            body = json.dumps({claim: holds, **details}).encode()
            self._answer(200 if holds else 503, body, "application/json")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Probes come every second; they are not worth a line."""

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server
