"""Files and events that take a process down: the service answers, and lives on."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from resume_parser.sandbox import MEMORY_LIMIT_BYTES
from tests.eventually import eventually
from tests.integration.resume_parser import broken_pdfs
from tests.integration.resume_parser.conftest import ROOT, STOP_TIMEOUT_S, Parser

SAMPLE = (ROOT / "samples" / "resume.pdf").read_bytes()


def _all_started(parser: Parser) -> set[int]:
    """Return the arbiter and its two workers once they all run."""
    return eventually(lambda: processes if len(processes := parser.processes()) == 3 else set())


def test_a_flate_bomb_is_refused_and_harms_nobody(own_parser: Parser) -> None:
    before = _all_started(own_parser)
    bomb = broken_pdfs.flate_bomb()

    response = own_parser.parse(bomb)

    assert len(bomb) < 100_000
    assert response.status_code == 422
    assert response.json()["success"] is False
    assert own_parser.processes() == before
    assert own_parser.parse(SAMPLE).status_code == 200
    peaks = [Path(f"/proc/{pid}/status").read_text() for pid in before]
    peak_kb = [int(text.partition("VmHWM:")[2].split()[0]) for text in peaks]
    assert max(peak_kb) * 1024 < MEMORY_LIMIT_BYTES / 4


def test_a_killed_worker_is_replaced(own_parser: Parser) -> None:
    before = _all_started(own_parser)
    worker = max(before - {own_parser.process.pid})

    os.kill(worker, signal.SIGKILL)

    eventually(lambda: worker not in _all_started(own_parser), within_s=10)
    assert own_parser.parse(SAMPLE).status_code == 200


def test_more_uploads_than_workers_are_all_answered(parser: Parser) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(parser.parse, [SAMPLE, broken_pdfs.picture_only()] * 8))

    assert [answer.status_code for answer in answers] == [200, 422] * 8


def test_a_stop_leaves_no_process_behind(own_parser: Parser) -> None:
    _all_started(own_parser)

    assert own_parser.stop() == 0

    eventually(lambda: not own_parser.processes(), within_s=20, why="no orphans")


def test_a_stop_of_the_arbiter_alone_stops_its_workers(own_parser: Parser) -> None:
    _all_started(own_parser)

    os.kill(own_parser.process.pid, signal.SIGTERM)

    assert own_parser.process.wait(STOP_TIMEOUT_S) == 0
    eventually(lambda: not own_parser.processes(), within_s=20, why="no orphans")
