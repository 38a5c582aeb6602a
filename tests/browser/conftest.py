"""A Chromium, fresh for each test; the services it talks to; the files that people upload."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF
from pymongo import MongoClient

from tests.browser.chromium import Browser, opened
from tests.browser.upload_page import UploadPage
from tests.services.client import ServiceClient
from tests.services.parser_double import ParserDouble, Request, completes
from tests.services.stack import ServiceStack

_SAMPLE = Path(__file__).parents[2] / "samples" / "resume.pdf"
#: Shorter than the worker waits for its parser.
_HELD_AT_MOST_S = 25

Mongo = MongoClient[dict[str, Any]]


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


@pytest.fixture(scope="session")
def mongo(mongo_uri: str) -> Iterator[Mongo]:
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client


def client_of(stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return ServiceClient(stack.web_urls[0], stack.jwt_secret, mongo[stack.database_name])


# The whole service, with the bundled parser.


@pytest.fixture
def client(service: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(service, mongo)


@pytest.fixture
def page(browser: Browser, client: ServiceClient) -> UploadPage:
    return UploadPage(browser, client.url)


# A service whose parser does what a test says.


@pytest.fixture(scope="session")
def running_double() -> Iterator[ParserDouble]:
    double = ParserDouble()
    double.start()
    yield double
    double.stop()


@pytest.fixture(scope="session")
def double_stack(
    kafka_bootstrap: str, mongo_uri: str, running_double: ParserDouble
) -> Iterator[ServiceStack]:
    env = {"RESUME_PARSER_URL": running_double.url}
    stack = ServiceStack(kafka_bootstrap, mongo_uri, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def double(running_double: ParserDouble) -> ParserDouble:
    running_double.reset()
    return running_double


@pytest.fixture
def doubled(double_stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(double_stack, mongo)


@pytest.fixture
def doubled_page(browser: Browser, doubled: ServiceClient) -> UploadPage:
    return UploadPage(browser, doubled.url)


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
def scan_pdf(tmp_path: Path) -> Path:
    """A PDF without text, as a scanner makes it."""
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(20, 20, 100, 150, style="F")
    path = tmp_path / "scan.pdf"
    pdf.output(str(path))
    return path
