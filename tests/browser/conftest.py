"""A Chromium, fresh for each test; the pages it opens; the files that people upload."""

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fpdf import FPDF

from tests.browser.chromium import Browser, opened
from tests.browser.serving import served
from tests.browser.upload_page import UploadPage
from tests.services.client import ServiceClient
from tests.services.parser_double import ParserDouble, Request, completes

if TYPE_CHECKING:
    from tests.browser.tasks_site import TasksSite

_SAMPLE = Path(__file__).parents[2] / "samples" / "resume.pdf"
#: Shorter than the worker waits for its parser.
_HELD_AT_MOST_S = 25


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Chromium as if it had been installed this minute."""
    with chromium.fresh_tab():
        yield chromium
    chromium.complaints()  # those of one test are not the next one's


@pytest.fixture
def page(browser: Browser, client: ServiceClient) -> UploadPage:
    return UploadPage(browser, client.url)


@pytest.fixture
def doubled_page(browser: Browser, doubled: ServiceClient) -> UploadPage:
    return UploadPage(browser, doubled.url)


@pytest.fixture
def quiet_page(browser: Browser, quiet: ServiceClient) -> UploadPage:
    """Of a service without workers: what is uploaded waits."""
    return UploadPage(browser, quiet.url)


@pytest.fixture(scope="session")
def tasks_site(kafka_bootstrap: str, mongo_uri: str) -> "Iterator[TasksSite]":
    """Tasks in every state, to be looked at."""
    import pymongo

    from tests.browser.tasks_site import TasksSite

    name = f"t-{secrets.token_hex(6)}"
    with pymongo.MongoClient[dict[str, object]](mongo_uri, tz_aware=True) as client:
        with TasksSite(kafka_bootstrap, client[name], namespace=name) as site:
            site.fill()
            yield site
        client.drop_database(name)


@pytest.fixture
def tasks_url(tasks_site: "TasksSite") -> Iterator[str]:
    """Where they are shown, below the dashboard."""
    with served(tasks_site.dashboard.app) as url:
        yield f"{url}/dashboard/tasks"


@pytest.fixture
def held(double: ParserDouble) -> Iterator[threading.Event]:
    """While this is not set, a job that is being processed stays so."""
    released = threading.Event()

    def answer_when_released(request: Request, number: int) -> None:
        released.wait(_HELD_AT_MOST_S)
        completes(request, number)

    double.behave = answer_when_released
    yield released
    released.set()


@pytest.fixture
def resume_pdf() -> Path:
    """A resume that the parser reads."""
    return _SAMPLE


@pytest.fixture
def large_pdf(tmp_path: Path) -> Path:
    """Starts as a PDF does, and takes its time to be sent."""
    path = tmp_path / "large.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"\0" * (2 * 1024 * 1024))
    return path


@pytest.fixture
def scan_pdf(tmp_path: Path) -> Path:
    """A PDF without text, as a scanner makes it."""
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(20, 20, 100, 150, style="F")
    path = tmp_path / "scan.pdf"
    pdf.output(str(path))
    return path
