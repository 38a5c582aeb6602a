"""The night that the dashboard is for: 500 jobs fail, and in the morning an operator replays them.

On the real processes, with Chromium, the keyboard alone, and every job looked at afterwards.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Browser
from tests.browser.dashboard_pages import DashboardPages
from tests.eventually import eventually
from tests.services.client import ServiceClient, TestUser
from tests.services.clients import client_of
from tests.services.operators import Credentials, new_operator
from tests.services.parser_double import ParserDouble, completes
from tests.services.stack import ServiceStack

JOBS = 500
UPLOADS_AT_ONCE = 8
RESULT = "497 can be replayed; 3 can't: already has a resume (2), file gone (1)."


@pytest.fixture
def stack(
    kafka_bootstrap: str, mongo_uri: str, running_double: ParserDouble
) -> Iterator[ServiceStack]:
    env = {
        "RESUME_PARSER_URL": running_double.url,
        "KAFKA__NUM_WORKERS": "8",
    }
    stack = ServiceStack(kafka_bootstrap, mongo_uri, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def client(stack: ServiceStack, mongo: MongoClient[dict[str, Any]]) -> ServiceClient:
    return client_of(stack, 0, mongo)


@pytest.fixture
def failed(client: ServiceClient, double: ParserDouble) -> dict[str, TestUser]:
    """The users of the jobs that failed overnight, by job."""
    # A proxy's maintenance page: with a parser that is down, the breaker would let jobs wait.
    double.behave = lambda request, _: request.send(
        200, b"<h1>We will be back soon</h1>", "text/html"
    )
    users = [client.new_user() for _ in range(JOBS)]
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        jobs = dict(zip(pool.map(client.accepted, users), users, strict=True))
    eventually(lambda: statuses(client) == {"failed": JOBS}, within_s=120)
    double.behave = completes
    return jobs


def statuses(client: ServiceClient) -> dict[str, int]:
    return Counter(
        job["status"] for job in client.database["resume_parse_jobs"].find({}, {"status": 1})
    )


def sign_in(browser: Browser, url: str, operator: Credentials) -> None:
    browser.get(f"{url}/dashboard")
    browser.find_element(By.NAME, "name").send_keys(operator.name, Keys.TAB, operator.password)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    eventually(lambda: "Overview" in browser.title)


def spoil(client: ServiceClient, jobs: dict[str, TestUser]) -> dict[str, str]:
    """Let three of the jobs be beyond replaying; return why, by job."""
    first, second, third = list(jobs)[:3]
    for job_id in (first, second):
        resume = {"_id": ObjectId(), "resume_detail": {}, "version": 1}
        user = {"_id": ObjectId(jobs[job_id].id)}
        client.database["user"].update_one(user, {"$set": {"resume": [resume]}})
    client.database["resume_files"].delete_one({"_id": ObjectId(third)})
    reasons = ("already has a resume", "already has a resume", "file gone")
    return dict(zip((first, second, third), reasons, strict=True))


@pytest.mark.timeout(300)
def test_500_jobs_that_failed_overnight_are_replayed_by_one_confirmation(
    browser: Browser, client: ServiceClient, failed: dict[str, TestUser]
) -> None:
    spoilt = spoil(client, failed)
    pages = DashboardPages(browser, client.url)
    sign_in(browser, client.url, new_operator(client.database))
    pages.wait_for_figure("Failed", "500")
    pages.wait_for_text("parser bad answer 500")

    pages.open("/failures")
    pages.press_by_keyboard("Replay all 500")
    pages.press_by_keyboard("Start the dry run")
    pages.wait_for_text(RESULT)
    assert statuses(client) == {"failed": JOBS}
    pages.fill("reason", "The parser's proxy was in maintenance")
    pages.press_by_keyboard("Replay 497 jobs")
    seen: set[int] = set()

    def is_over() -> bool:
        seen.add(progress(browser))
        return "497 replayed; 3 not" in pages.live_text

    eventually(is_over, within_s=120)
    assert len(seen - {0, JOBS}) >= 3  # it was told while it went on

    pages.follow("Only refused")
    eventually(lambda: len(pages.rows()) == 3)
    shown = pages.rows()
    assert Counter(row.count("already has a resume") for row in shown) == {1: 2, 0: 1}
    assert sum("file gone" in row for row in shown) == 1
    eventually(lambda: statuses(client) == {"completed": JOBS - 3, "failed": 3}, within_s=120)
    for job_id, user in failed.items():
        assert len(client.resumes_of(user)) == (0 if spoilt.get(job_id) == "file gone" else 1)
    pages.open()
    pages.wait_for_figure("Failed", "3")
    pages.wait_for_figure("Dead letters", "3")
    assert browser.complaints() == []


def progress(browser: Browser) -> int:
    return int(
        browser.execute_script("return document.querySelector('#live progress')?.value ?? 0")
    )
