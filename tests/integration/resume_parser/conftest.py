"""The parser as a process of its own, started as a user starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from devstack import ports
from tests.eventually import eventually

ROOT = Path(__file__).parents[3]
_START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
_ANSWER_TIMEOUT_S = 30


@dataclass
class Parser:
    """A running parser; its process leads a session of its own, as under honcho."""

    process: subprocess.Popen[bytes]
    url: str
    log_path: Path

    def parse(
        self, data: bytes, file_name: str = "resume.pdf", *, timeout_s: float = _ANSWER_TIMEOUT_S
    ) -> requests.Response:
        files = {"file": (file_name, data, "application/pdf")}
        return requests.post(f"{self.url}/parse/pdf", files=files, timeout=timeout_s)

    def processes(self) -> set[int]:
        """Return the parser's processes that are alive: arbiter, workers, children."""
        found = set()
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:  # gone while we looked
                continue
            state, session = fields[0], int(fields[3])
            if session == self.process.pid and state != "Z":
                found.add(int(status.parent.name))
        return found

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Stop the whole session, as honcho does, and return the exit code."""
        os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)


def start_parser(directory: Path) -> Parser:
    port = ports.free_port()
    log_path = directory / "parser.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "resume_parser", "--port", str(port)],
            cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    parser = Parser(process, f"http://127.0.0.1:{port}", log_path)
    eventually(parser.is_ready, within_s=_START_TIMEOUT_S, why="the parser is ready")
    return parser


@pytest.fixture(scope="session")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parser]:
    """One parser for the tests that leave it as it was."""
    running = start_parser(tmp_path_factory.mktemp("parser"))
    yield running
    running.stop()


@pytest.fixture
def own_parser(tmp_path: Path) -> Iterator[Parser]:
    """A parser that the test may harm."""
    running = start_parser(tmp_path)
    yield running
    if running.process.poll() is None:
        running.stop()
