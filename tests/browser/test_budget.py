"""What every page keeps to, so that it is quick and plain to use. How quick it is, `python -m
tests.browser.page_paint` measures.
"""

import re
from collections.abc import Iterator

import pytest
import requests
from selenium.webdriver.common.by import By

from tests.browser.axe import violations
from tests.browser.chromium import PHONE, Browser
from tests.browser.loading import loaded
from tests.browser.serving import served
from tests.browser.tasks_site import TasksSite
from tests.browser.views import TASK_VIEWS, night_site
from tests.unit.webapp.dashboard.in_memory import object_id

MAX_BYTES = 150 * 1024
YEAR = "public, max-age=31536000, immutable"
DASHBOARD_VIEWS = night_site()[1]
UPLOAD_VIEWS = {"upload": "/", "resume": f"/resumes/{object_id(99)}"}
TEXTS = (".css", ".js", ".svg")


@pytest.fixture(scope="module")
def site_url() -> Iterator[str]:
    with served(night_site()[0].app) as url:
        yield url


@pytest.fixture
def newcomer(browser: Browser) -> Browser:
    """On a phone, with an empty cache."""
    browser.show_as(PHONE)
    browser.keep_nothing()
    return browser


def assert_is_light_and_plain(browser: Browser, url: str) -> None:
    """Open the page, and look at all that it loads and is."""
    browser.get(url)
    page, *parts = loaded(browser)
    weight = {one.address: one.bytes for one in (page, *parts)}
    assert sum(weight.values()) <= MAX_BYTES, weight
    assert all(weight.values())
    assert [one.address for one in parts if one.blocks and one.kind == "script"] == []
    assert {one.address for one in parts if not one.address.startswith(origin(url))} == set()
    for address in {one.address for one in parts}:
        assert_is_kept(address)
    assert_says_what_it_is(browser)
    assert violations(browser, "target-size") == []  # 24 pixels
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    complaints = [text for text in browser.complaints() if "(NOT FOUND)" not in text]
    assert complaints == []


def origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


def assert_is_kept(address: str) -> None:
    """Browsers keep it for a year, and texts are compressed."""
    answer = requests.get(address, headers={"Accept-Encoding": "gzip"}, timeout=30)
    assert answer.headers["Cache-Control"] == YEAR, address
    is_text = address.endswith(TEXTS)
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_text, address


def assert_says_what_it_is(browser: Browser) -> None:
    html = browser.find_element(By.TAG_NAME, "html")
    assert html.get_attribute("lang") in {"en", "vi"}
    assert re.search(r"\w", browser.title)
    assert content_of(browser, "viewport") == "width=device-width, initial-scale=1"
    assert len(content_of(browser, "description")) > 20
    assert len(browser.find_elements(By.TAG_NAME, "h1")) >= 1


def content_of(browser: Browser, name: str) -> str:
    return browser.find_element(By.NAME, name).get_attribute("content") or ""


@pytest.mark.parametrize("path", UPLOAD_VIEWS.values(), ids=list(UPLOAD_VIEWS))
def test_the_upload_side_is_light_and_plain(newcomer: Browser, site_url: str, path: str) -> None:
    assert_is_light_and_plain(newcomer, f"{site_url}{path}")


@pytest.mark.parametrize("path", DASHBOARD_VIEWS.values(), ids=list(DASHBOARD_VIEWS))
def test_the_dashboard_is_light_and_plain(newcomer: Browser, site_url: str, path: str) -> None:
    assert_is_light_and_plain(newcomer, f"{site_url}{path}")


@pytest.mark.parametrize("path", TASK_VIEWS.values(), ids=list(TASK_VIEWS))
def test_the_view_of_tasks_is_light_and_plain(
    newcomer: Browser, tasks_site: TasksSite, tasks_url: str, path: str
) -> None:
    letter = tasks_site.letters()[0]
    assert_is_light_and_plain(newcomer, f"{tasks_url}{path.format(letter=letter)}")
