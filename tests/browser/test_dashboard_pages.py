"""The dashboard's pages in a real Chromium, on collaborators in memory: looks, refreshing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from resumes.breaker import BreakerState
from resumes.operating import OperationStatus, Operator, Role
from tests.browser.axe import violations
from tests.browser.chromium import DESKTOP, PHONE, Browser, opened
from tests.browser.dashboard_pages import DashboardPages
from tests.browser.serving import served
from tests.eventually import eventually
from tests.unit.webapp.dashboard.in_memory import object_id
from tests.unit.webapp.dashboard.site import Site, with_operations

ADDRESSES = [
    "",
    "?span=day",
    "/jobs?state=failed",
    "/jobs?state=nonsense",
    "/jobs?error_code=none-of-it",
    f"/jobs/{object_id(0)}",
    f"/jobs/{object_id(630)}",
    "/failures",
    "/operations",
    "/operations/new?kind=discard&state=failed",
    "/operations/65f7a10000000000000b0000",
    "/operations/65f7a10000000000000b0001",
    "/letters",
    "/letters/3:17",
    "/lanes",
    "/audit",
]
OUTAGE = "/jobs?state=failed&error_code=parser_unavailable"


@pytest.fixture
def site() -> Site:
    site = Site()
    with_operations(site)
    return site


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with served(site.app) as url:
        yield url


@pytest.fixture
def pages(browser: Browser, url: str) -> DashboardPages:
    return DashboardPages(browser, url)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_has_no_barriers_and_breaks_no_policy(pages: DashboardPages, address: str) -> None:
    found = {}
    for name, size, is_dark in (("light", DESKTOP, False), ("dark", PHONE, True)):
        pages.browser.show_as(size, dark=is_dark)
        pages.open(address)
        found[name] = violations(pages.browser)
        width = pages.browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= size[0]

    assert found == {"light": [], "dark": []}
    complaints = [text for text in pages.browser.complaints() if "400 (BAD REQUEST)" not in text]
    assert complaints == []


def look(pages: DashboardPages) -> dict[str, list[str]]:
    """Return what axe-core finds on the page as it stands, in light and dark, on a phone."""
    found = {}
    for name, is_dark in (("light", False), ("dark", True)):
        pages.browser.show_as(PHONE, dark=is_dark)
        found[name] = violations(pages.browser)
    return found


def test_a_page_of_a_problem_has_no_barriers(pages: DashboardPages, site: Site) -> None:
    site.guard.operator = Operator("an.vo", Role.VIEWER)
    site.letters.is_reachable = False
    for address, heading in {
        f"/jobs/{object_id(9999)}": "Not Found",
        "/operations/new?kind=replay": "Forbidden",
        "/letters": "Not reachable",
        "/jobs/export.csv?state=nonsense": "This filter can't be read",
    }.items():
        pages.open(address)
        pages.wait_for_page(heading)
        assert look(pages) == {"light": [], "dark": []}
        pages.follow("To the overview")
        pages.wait_for_page("Overview")


def test_a_resume_that_is_shown_unmasked_has_no_barriers(pages: DashboardPages, site: Site) -> None:
    pages.open(f"/jobs/{object_id(630)}")
    assert "Nguyễn Văn An" not in pages.live_text
    pages.press_by_keyboard("Show name, e-mail and phone")

    pages.wait_for_text("Nguyễn Văn An")
    assert look(pages) == {"light": [], "dark": []}
    assert [entry.action for entry in site.audit.noted][:1] == ["resume.revealed"]
    assert pages.browser.complaints() == []


def test_the_overview_refreshes_itself(pages: DashboardPages, site: Site) -> None:
    pages.open()
    assert pages.figure("Parser breaker") == "open"
    canvases = pages.browser.find_elements(By.CSS_SELECTOR, ".drawing canvas")
    assert len(canvases) == 3
    pages.browser.find_element(By.TAG_NAME, "details").find_element(By.TAG_NAME, "summary").click()

    site.breaker.state = BreakerState("closed", 0, 4.0)
    site.queue.alive = []

    pages.wait_for_figure("Parser breaker", "closed")
    pages.wait_for_figure("Workers alive", "0")
    eventually(lambda: pages.browser.title.startswith("(5) Overview"))
    assert pages.browser.find_elements(By.CSS_SELECTOR, ".drawing canvas") == canvases
    assert pages.browser.find_element(By.TAG_NAME, "details").get_attribute("open") is not None
    assert pages.icon.startswith("data:image/svg+xml")
    assert pages.browser.complaints() == []


def test_nothing_moves_while_paused_and_all_is_there_after(
    pages: DashboardPages, site: Site
) -> None:
    pages.open()
    pages.press_button("Live")
    site.breaker.state = BreakerState("closed", 0, 4.0)
    assert pages.live_state == "paused"

    # Its time comes twice, and each time it is held back.
    sent = pages.browser.execute_async_script(
        """const done = arguments[0];
        const fetched = window.fetch;
        let sent = 0, times = 0;
        window.fetch = (...request) => {
          sent += 1;
          return fetched(...request);
        };
        document.addEventListener("htmx:before:request", () => {
          times += 1;
          if (times === 2) done(sent);
        });"""
    )
    assert sent == 0
    assert pages.figure("Parser breaker") == "open"

    pages.press_button("Paused")
    pages.wait_for_figure("Parser breaker", "closed")


def test_a_server_that_does_not_answer_is_said_and_what_was_known_stays(
    pages: DashboardPages,
) -> None:
    pages.open()
    pages.browser.block("*/dashboard*")

    pages.wait_for_live_state("lost")
    assert pages.figure("Failed") == "513"
    pages.browser.block()
    pages.wait_for_live_state("live")


def test_rows_stay_while_some_are_ticked(pages: DashboardPages) -> None:
    pages.open(OUTAGE)
    pages.tick(0, 2)
    assert "2 selected" in pages.live_text
    assert pages.live_state == "paused"

    pages.press_button("Replay")

    pages.wait_for_page("Replay 2 selected jobs")


def test_all_that_match_can_be_meant_after_some_were_ticked(pages: DashboardPages) -> None:
    pages.open(OUTAGE)
    pages.tick(1)
    pages.press_button("Select all 500 that match instead")
    pages.wait_for_text("All 500 that match")
    pages.press_button("Discard")

    pages.wait_for_page("Discard all failed jobs with the error parser_unavailable")


def test_an_outage_is_replayed_with_the_keyboard_alone(pages: DashboardPages, site: Site) -> None:
    pages.open("/failures")
    pages.press_by_keyboard("Replay all 500")
    pages.press_by_keyboard("Start the dry run")
    pages.wait_for_text("497 can be replayed; 3 can't: already has a resume (2), file gone (1).")
    pages.fill("reason", "The parser was down")
    site.operations.share = 0.5
    pages.press_by_keyboard("Replay 497 jobs")
    pages.wait_for_text("Stop")
    running = list(site.operations.known)[-1]
    assert pages.browser.current_url.endswith(running)

    site.operations.known[running] = replace(
        site.operations.known[running], status=OperationStatus.DONE, done=497, refused=3
    )

    pages.wait_for_text("497 replayed; 3 not")
    announced = pages.browser.find_element(By.ID, "announcer")
    assert announced.text == "Done"
    eventually(lambda: "Stop" not in pages.live_text)
    pages.follow("Only refused")
    assert pages.browser.complaints() == []


def test_without_javascript_everything_is_there_but_the_drawings(url: str, tmp_path: Path) -> None:
    with opened(tmp_path / "profile", scripts=False) as browser:
        pages = DashboardPages(browser, url)
        pages.open()
        assert pages.figure("Failed") == "513"
        assert not browser.find_element(By.CSS_SELECTOR, ".plots").is_displayed()
        browser.find_element(By.CSS_SELECTOR, "details summary").click()
        assert browser.find_element(By.ID, "plot-data").is_displayed()
        pages.open(OUTAGE)
        pages.tick(0)
        pages.press_button("Replay")
        pages.press_button("Start the dry run")
        pages.wait_for_text("1 can be replayed.")
        pages.press_button("Replay 1 job")
        pages.wait_for_text("1 replayed.")
