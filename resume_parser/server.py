"""The parser's processes: a gunicorn arbiter with sync workers, one PDF at a time in each.

PDFium is not thread-safe, hence processes; each PDF is parsed in a child of its worker
(`sandbox.py`). A worker that hangs all the same is killed and replaced. Stops on SIGTERM within
`_GRACEFUL_TIMEOUT_S`, leaving nothing behind.
"""

import json
import logging
import socket
import sys
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.sync import SyncWorker

from resume_parser.app import create_app
from resume_parser.parse import warm_up

_TIMEOUT_S = 20  # above the sandbox's limit, so that a hung PDF gets its answer
_GRACEFUL_TIMEOUT_S = 5


class JsonSyncWorker(SyncWorker):  # type: ignore[misc]
    """A sync worker that answers malformed HTTP in the service's JSON, not in gunicorn's HTML."""

    def handle_error(
        self, _request: object, client: socket.socket, _address: object, _error: Exception
    ) -> None:
        """Answer a request that never reached the application."""
        body = json.dumps({"success": False, "message": "The HTTP request is malformed."}).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + body)
        except OSError:
            self.log.debug("client left before it was told of its malformed request")


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's own log, through the root logger's JSON lines."""

    def setup(self, config: Config) -> None:
        """Hand gunicorn's messages on; its access log would repeat the application's lines."""
        self.cfg = config
        self._access_log_enabled = False
        self.error_log.setLevel(logging.INFO)
        self.error_log.propagate = True


class ParserServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with settings from the command line only."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take the options as gunicorn's settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application."""
        # Once, before the fork: workers and their children share the lexicons' memory.
        warm_up()
        return create_app()


def run(host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM; exits the process."""
    configure_logging()
    ParserServer(
        {
            "bind": f"{host}:{port}",
            "workers": workers,
            "worker_class": JsonSyncWorker,
            "logger_class": JsonLogger,
            "timeout": _TIMEOUT_S,
            "graceful_timeout": _GRACEFUL_TIMEOUT_S,
            "preload_app": True,
            "control_socket_disable": True,
            "proc_name": "resume-parser",
        }
    ).run()


def configure_logging() -> None:
    """Write every log line to stdout as one JSON object."""
    processors: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
