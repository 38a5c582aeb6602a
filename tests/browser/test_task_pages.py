"""The pages of any actor's tasks, in a real Chromium on real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from selenium.webdriver.common.by import By

from resumes.operating import Operator, Role
from tests.browser.axe import violations
from tests.browser.chromium import DESKTOP, PHONE, Browser, opened
from tests.browser.serving import served
from tests.browser.task_pages import TaskPages
from tests.browser.tasks_site import ALL_RUNS, HOUR_MS, MAILS, TasksSite
from tests.browser.views import TASK_VIEWS
from tests.eventually import eventually


@pytest.fixture
def own_look(tasks_site: TasksSite) -> Iterator[str]:
    with served(tasks_site.standalone()) as url:
        yield f"{url}/tasks"


@pytest.fixture
def quiet_tasks(
    kafka_bootstrap: str, database: Database[Any], topic_prefix: str
) -> Iterator[TasksSite]:
    """No worker, and three mails that wait for their hour."""
    with TasksSite(kafka_bootstrap, database, namespace=topic_prefix) as site:
        for number in range(3):
            site.send("send_mail", f"user-{number}@example.com", delay=(number + 1) * HOUR_MS)
        yield site


@pytest.fixture
def quiet_url(quiet_tasks: TasksSite) -> Iterator[str]:
    with served(quiet_tasks.dashboard.app) as url:
        yield f"{url}/dashboard/tasks"


@pytest.fixture
def pages(browser: Browser, quiet_url: str) -> TaskPages:
    return TaskPages(browser, quiet_url)


def assert_no_barriers(pages: TaskPages, path: str) -> None:
    """On a desk in light, on a phone in the dark; and neither breaks the policy."""
    for size, is_dark in ((DESKTOP, False), (PHONE, True)):
        pages.browser.show_as(size, dark=is_dark)
        pages.open(path)
        assert violations(pages.browser) == []
        width = pages.browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= size[0]
    complaints = [text for text in pages.browser.complaints() if "404 (NOT FOUND)" not in text]
    assert complaints == []


@pytest.mark.parametrize("path", TASK_VIEWS.values(), ids=list(TASK_VIEWS))
def test_a_page_has_no_barriers_in_the_dashboards_look(
    browser: Browser, tasks_site: TasksSite, tasks_url: str, path: str
) -> None:
    pages = TaskPages(browser, tasks_url)
    assert_no_barriers(pages, path.format(letter=tasks_site.letters()[0]))


@pytest.mark.parametrize("path", TASK_VIEWS.values(), ids=list(TASK_VIEWS))
def test_a_page_has_no_barriers_in_its_own_look(
    browser: Browser, tasks_site: TasksSite, own_look: str, path: str
) -> None:
    pages = TaskPages(browser, own_look)
    assert_no_barriers(pages, path.format(letter=tasks_site.letters()[0]))


def test_a_million_runs_and_none_are_told_apart_at_a_glance(
    browser: Browser, tasks_url: str
) -> None:
    pages = TaskPages(browser, tasks_url)

    def figures() -> tuple[int, str]:
        pages.open()
        [parse] = [row for row in pages.rows() if row.startswith("parse_resume")]
        return int(parse.split()[2].replace(",", "")), pages.says("tbody td[data-tone=danger]")

    # Runs are written down a moment after they end.
    eventually(lambda: figures() == (ALL_RUNS + 12, "4"), within_s=30)


def test_a_waiting_task_is_found_and_cancelled_with_the_keyboard_alone(
    pages: TaskPages, quiet_tasks: TasksSite
) -> None:
    pages.open()
    pages.follow("Waiting")
    pages.wait_for_heading("Waiting")
    pages.follow("mails: delayed")
    pages.wait_for_heading("Delayed tasks of mails")
    assert [("scheduled" in row) for row in pages.rows()] == [True] * 3
    pages.tick("Choose send_mail")
    pages.write("Reason", "The wrong address")
    pages.press("Cancel chosen ones")

    pages.wait_for_heading("Cancel waiting tasks")
    assert pages.says("main [role=status]") == "1 done, 0 refused."
    pages.follow("← Back")
    pages.wait_for_heading("Delayed tasks of mails")
    assert "cancelled by minh.tran" in pages.rows()[0]
    [noted] = quiet_tasks.dashboard.audit.noted
    assert (noted.operator, noted.action) == ("minh.tran", "task.cancel")
    assert noted.reason == "The wrong address"
    assert pages.browser.complaints() == []


def test_a_page_follows_what_happens_but_not_while_somebody_chooses(
    pages: TaskPages, quiet_tasks: TasksSite
) -> None:
    pages.open("/waiting/mails/delayed")
    pages.write("Reason", "Not yet")
    quiet_tasks.send("send_mail", "fourth@example.com", delay=9 * HOUR_MS)
    eventually(lambda: len(pages.rows()) == 4, within_s=30)
    field = pages.browser.find_element(By.NAME, "reason")
    assert field.get_attribute("value") == "Not yet"
    assert pages.browser.switch_to.active_element == field
    assert pages.says("#live-switch") == "Live"

    pages.tick("Choose send_mail")
    assert pages.says("#live-switch") == "Paused"
    assert pages.browser.complaints() == []


def test_a_delayed_task_is_run_at_once_with_the_keyboard_alone(
    pages: TaskPages, quiet_tasks: TasksSite
) -> None:
    pages.open("/waiting/mails/delayed")
    pages.tick("Choose send_mail")
    pages.press("Run chosen ones now")

    pages.wait_for_heading("Run waiting tasks now")
    assert pages.says("main [role=status]") == "1 done, 0 refused."
    pages.open("/waiting/mails/delayed")
    assert "brought forward by minh.tran" in pages.rows()[0]
    assert len(quiet_tasks.broker.waiting(MAILS).page("normal").tasks) == 1


def test_a_lane_is_paused_and_goes_on_with_the_keyboard_alone(
    pages: TaskPages, quiet_tasks: TasksSite
) -> None:
    pages.open()
    pages.follow("Queues")
    pages.wait_for_heading("Queues")
    pages.press("Pause mails low")
    pages.wait_for_heading("Pause a lane")
    pages.follow("← Back")
    pages.wait_for_heading("Queues")
    assert pages.says(".state").count("paused") == 1
    assert "Paused by minh.tran" in pages.says("article")

    pages.press("Unpause mails low")
    pages.wait_for_heading("Unpause a lane")
    assert not any(lane.is_paused for lane in quiet_tasks.control.lanes())


def test_without_javascript_a_task_is_cancelled_all_the_same(
    quiet_url: str, tmp_path: Path
) -> None:
    with opened(tmp_path / "profile", scripts=False) as browser:
        browser.get(f"{quiet_url}/waiting/mails/delayed")
        browser.find_element(By.NAME, "task").click()
        browser.find_element(By.XPATH, "//button[text()='Cancel chosen ones']").click()
        said = eventually(lambda: browser.find_elements(By.CSS_SELECTOR, "main [role=status]"))
        assert said[0].text == "1 done, 0 refused."


def test_who_may_only_look_is_told_so_on_a_page(pages: TaskPages, quiet_tasks: TasksSite) -> None:
    quiet_tasks.dashboard.guard.operator = Operator("an.vo", Role.VIEWER)
    pages.open("/waiting/mails/delayed")
    assert len(pages.rows()) == 3
    assert pages.browser.find_elements(By.CSS_SELECTOR, "main :is(button, [type=checkbox])") == []

    client = quiet_tasks.dashboard.app.test_client()
    refused = client.post("/dashboard/tasks/queues/mails/lanes/low/pause")
    assert refused.status_code == 403
    assert "<h1>Forbidden</h1>" in refused.text


def test_what_came_of_it_is_shown_without_barriers(pages: TaskPages) -> None:
    for is_dark in (False, True):
        pages.browser.show_as(PHONE, dark=is_dark)
        pages.open("/waiting/mails/delayed")
        pages.browser.find_elements(By.NAME, "task")[int(is_dark)].click()
        pages.press("Cancel chosen ones")
        pages.wait_for_heading("Cancel waiting tasks")
        assert violations(pages.browser) == []
