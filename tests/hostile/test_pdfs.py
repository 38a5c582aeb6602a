"""RELIABILITY 3.2 and G20: every evil PDF, on the real parser, gets an honest answer in time.

Guards against a file that crashes, hangs or bloats the service, that makes it call somebody, or
whose text cannot be stored and shown.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from resume_parser import errors
from resume_parser.app import MAX_FILE_BYTES
from resume_parser.pdf import MAX_PAGES
from resume_parser.sandbox import CPU_LIMIT_S, MEMORY_LIMIT_BYTES, TIME_LIMIT_S
from tasks.parser_client import MAX_ANSWER_BYTES
from tests.eventually import eventually
from tests.hostile.evil_pdfs import (
    actions,
    containers,
    drawing,
    encryption,
    filters,
    fonts,
    references,
    texts,
)
from tests.hostile.evil_pdfs.builder import NAME, one_page
from tests.hostile.evil_pdfs.case import PARSED, TOO_COMPLEX, EvilPdf
from tests.hostile.processes import resident_bytes
from tests.integration.resume_parser.conftest import ROOT, Parser, start_parser
from tests.services.client import ServiceClient

MODULES = (containers, references, filters, drawing, encryption, fonts, texts, actions)
CASES: list[EvilPdf] = [case for module in MODULES for case in module.CASES]
SAMPLE = (ROOT / "samples" / "resume.pdf").read_bytes()
#: The parser promises its own limit; the rest is for the upload, the fork and a busy machine.
ANSWER_WITHIN_S = TIME_LIMIT_S + 10
#: What a worker may keep after a file of the greatest size.
MAX_GROWTH_BYTES = 32 * 1024 * 1024
REFUSALS = {
    error.message: error.reason
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.PdfError)
}


@pytest.fixture(scope="module", autouse=True)
def unharmed() -> None:
    """In place of the folder's own: nothing here attacks the service that it would start."""


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parser]:
    running = start_parser(tmp_path_factory.mktemp("parser"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def at_first(parser: Parser) -> dict[int, int]:
    """Each process and its memory, once the workers have had files of the greatest size."""
    big = SAMPLE + b"\n" * (10 * 1024 * 1024 - len(SAMPLE))
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(parser.parse, [big] * 8))
    return {pid: resident_bytes(pid) for pid in parser.processes()}


@pytest.fixture(scope="module")
def home() -> Iterator["Home"]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Home(listener)


class Home:
    """An address that the PDFs name; a call of it would wait to be accepted."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    def was_called(self) -> bool:
        return bool(select.select([self.listener], [], [], 0)[0])


def parse(parser: Parser, data: bytes) -> requests.Response:
    """Post the file; the client's timeout is the bound: no answer within it is a failure."""
    return parser.parse(data, timeout_s=ANSWER_WITHIN_S)


def outcome_of(answer: requests.Response) -> str:
    """Return `parsed`, or the reason of the refusal; anything but the two is a failure."""
    assert answer.status_code in (200, 422), answer.text
    body = answer.json()
    if answer.status_code == 200:
        assert body["success"] is True
        assert_storable(answer.content, body["cv_data"])
        return PARSED
    assert body == {"success": False, "message": body["message"]}
    return REFUSALS[body["message"]]


def assert_storable(body: bytes, value: object) -> None:
    assert len(body) <= MAX_ANSWER_BYTES
    for text in _texts(value):
        text.encode("utf-8")
        assert text == unicodedata.normalize("NFC", text)
        assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn")]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def made(name: str) -> bytes:
    [case] = [case for case in CASES if case.name == name]
    return case.make("")


def test_the_table_is_as_long_as_promised_and_the_same_each_time() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    files = [case.make("http://x/") for case in CASES]
    assert len(set(files)) == len(CASES)
    assert max(map(len, files)) <= MAX_FILE_BYTES
    assert [case.make("http://x/") for case in CASES] == files


@pytest.mark.parametrize("evil", CASES, ids=str)
def test_an_evil_pdf_gets_an_honest_answer_and_harms_nobody(
    evil: EvilPdf, parser: Parser, at_first: dict[int, int], home: Home
) -> None:
    answer = parse(parser, evil.make(home.url))

    outcome = outcome_of(answer)
    assert not evil.outcomes or outcome in evil.outcomes
    assert not evil.reads or answer.json()["cv_data"]["name"] == evil.reads
    assert not home.was_called()
    now = {pid: resident_bytes(pid) for pid in parser.processes()}
    assert now.keys() == at_first.keys()
    grown = {pid: bytes_ - at_first[pid] for pid, bytes_ in now.items()}
    assert max(grown.values()) <= MAX_GROWTH_BYTES
    good = parse(parser, one_page())
    assert (good.status_code, good.json()["cv_data"]["name"]) == (200, NAME)


def test_a_call_would_be_noticed(home: Home) -> None:
    """Guards against a listener that hears nothing."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        other = Home(own)
        assert not other.was_called()
        socket.create_connection(own.getsockname()).close()
        assert other.was_called()
    assert not home.was_called()


@pytest.mark.parametrize(
    ("signum", "status"),
    [
        pytest.param(signal.SIGSEGV, 422, id="crashes"),
        pytest.param(signal.SIGABRT, 422, id="aborts"),
        pytest.param(signal.SIGILL, 422, id="runs into a trap"),
        pytest.param(signal.SIGBUS, 422, id="reads what is gone"),
        pytest.param(signal.SIGKILL, 503, id="is killed from outside"),
    ],
)
def test_a_child_that_ends_badly_takes_nothing_with_it(
    signum: signal.Signals, status: int, parser: Parser, at_first: dict[int, int]
) -> None:
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(parse, parser, made("a minute of work"))
        [child] = eventually(lambda: parser.processes() - at_first.keys(), why="a child works")
        os.kill(child, signum)
        told = answer.result()

    assert (told.status_code, told.json()["success"]) == (status, False)
    assert parser.processes() == at_first.keys()
    assert parse(parser, SAMPLE).status_code == 200


def test_hung_pdfs_in_every_worker_are_all_ended(parser: Parser, at_first: dict[int, int]) -> None:
    with ThreadPoolExecutor(2) as clients:
        answers = [clients.submit(parse, parser, made("a minute of work")) for _ in range(2)]
        children = eventually(
            lambda: found if len(found := parser.processes() - at_first.keys()) == 2 else set()
        )
        for child in children:
            os.kill(child, signal.SIGSTOP)
        assert [answer.result().status_code for answer in answers] == [422, 422]

    assert parser.processes() == at_first.keys()
    assert parse(parser, SAMPLE).status_code == 200


#: In a process of its own, for the sums of its children; the clock's limit is out of the way.
_PARSE_ALONE = """
import resource, sys
from resume_parser.errors import PdfError
from resume_parser.sandbox import parse_in_child
try:
    outcome = parse_in_child(sys.stdin.buffer.read(), time_limit_s=100).pages
except PdfError as error:
    outcome = error.reason
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(outcome, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
"""


def spent_on(data: bytes) -> tuple[str, float, int]:
    """Parse the file; return its pages or what is wrong with it, CPU seconds and peak memory."""
    ran = subprocess.run(
        [sys.executable, "-c", _PARSE_ALONE], cwd=ROOT, input=data, capture_output=True, check=True
    )
    outcome, seconds, peak = ran.stdout.split()
    return outcome.decode(), float(seconds), int(peak)


def test_a_pdf_that_computes_without_end_meets_the_limit_of_cpu_time() -> None:
    outcome, seconds, peak_bytes = spent_on(made("a minute of work"))

    assert outcome == TOO_COMPLEX
    assert CPU_LIMIT_S - 1 < seconds < CPU_LIMIT_S + 2
    assert peak_bytes < MEMORY_LIMIT_BYTES


@pytest.mark.parametrize("name", ["flate twice: 4 GiB", "forms that draw 10^30 times"])
def test_a_bomb_meets_the_limit_of_memory(name: str) -> None:
    outcome, _, peak_bytes = spent_on(made(name))

    assert outcome == TOO_COMPLEX
    assert MEMORY_LIMIT_BYTES / 2 < peak_bytes < MEMORY_LIMIT_BYTES


def test_of_100000_pages_as_many_are_read_as_a_resume_may_have() -> None:
    outcome, _, _ = spent_on(made("100,000 pages"))

    assert outcome == str(MAX_PAGES)


# The whole service.


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("flate twice: 4 GiB", errors.TooComplexPdfError),
        ("aes with 256 bits, to be opened by a password", errors.EncryptedPdfError),
    ],
)
def test_the_person_is_told_what_is_wrong_with_the_file(
    client: ServiceClient, name: str, reason: type[errors.PdfError]
) -> None:
    user = client.new_user()
    with client.socket(user) as frames:
        payloads = frames.until_ended(job_id := client.accepted(user, made(name)))
        assert [payload["status"] for payload in payloads] == ["pending", "processing", "failed"]
        assert payloads[-1]["error_message"] == reason.message
        ended = client.status(user, job_id)
        assert (ended["status"], ended["error_code"]) == ("failed", "parser_rejected")
        assert ended["error_message"] == reason.message
        assert ended["attempt"] == 1

        payloads = frames.until_ended(client.accepted(user, SAMPLE))
        assert payloads[-1]["status"] == "completed"
