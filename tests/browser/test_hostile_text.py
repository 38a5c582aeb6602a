"""What users, files and other programs wrote is shown as text, on every page that shows it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from pymongo.database import Database

from resumes.job import JobStatus
from resumes.job_filter import JobFilter, JobState
from resumes.operating import ListedJob, NewOperation, OperationKind
from tests.browser.chromium import Browser
from tests.browser.serving import served
from tests.browser.tasks_site import MAILS, TasksSite
from tests.eventually import eventually
from tests.unit.webapp.dashboard.in_memory import (
    NOW,
    Lane,
    Letter,
    Record,
    job,
    object_id,
    worker,
)
from tests.unit.webapp.dashboard.site import Site

#: Each does one thing to `window.pwned` or to the page's shape, where it is not taken for text.
PAYLOADS = {
    "a script": "<script>window.pwned = 1</script>",
    "an image": '"><img src="x" onerror="window.pwned = 1">',
    "an attribute": "' autofocus onfocus='window.pwned = 1' x='",
    "a template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "the end of everything": "</title></textarea></style></script></table><svg onload=pwned=1>",
    "an address": "javascript:window.pwned=1",
    "another direction": "invoice\u202efdp.exe",
}
FOUND = """
const strange = "script:not([src]), [onerror], [onload], [onfocus], [href^='javascript']";
return {
  pwned: window.pwned ?? null,
  strange: [...document.querySelectorAll(strange)].map((one) => one.outerHTML),
  text: document.documentElement.textContent
    + [...document.querySelectorAll("[value], [title]")].map((one) => one.value + one.title),
};
"""


class Texts:
    """Looks at pages for payloads that are no text any more."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    def shown(self, path: str) -> list[str]:
        """Return the payloads that stand on the page, as text all of them."""
        self._browser.get(f"{self._url}{path}")
        return self.shown_now()

    def shown_now(self) -> list[str]:
        found: Mapping[str, Any] = self._browser.execute_script(FOUND)
        assert found["pwned"] is None
        assert found["strange"] == []
        complaints = [one for one in self._browser.complaints() if "(BAD REQUEST)" not in one]
        assert complaints == []
        return [name for name, payload in PAYLOADS.items() if payload in found["text"]]


def hostile_job(number: int, payload: str, state: JobState) -> ListedJob:
    done = state is JobState.COMPLETED
    entry = {"title": payload, "company": payload, "duration": payload, "achievements": [payload]}
    cv_data = {"name": payload, "email": payload, "skills": [payload], "experience": [entry]}
    changed = job(
        number,
        file_name=payload,
        status=JobStatus.COMPLETED if done else JobStatus.FAILED,
        attempt=2,
        error_code="" if done else payload,
        error_message="" if done else payload,
        resume_id=object_id(99) if done else None,
        cv_data=cv_data if done else None,
    )
    return ListedJob(changed, state, payload, 1)


@pytest.fixture
def site() -> Site:
    """One of each, for each payload; a job's number is the payload's, and 100 more when done."""
    numbered = list(enumerate(PAYLOADS.values()))
    site = Site(
        listed=[hostile_job(number, text, JobState.FAILED) for number, text in numbered]
        + [hostile_job(100 + number, text, JobState.COMPLETED) for number, text in numbered]
    )
    everything = " ".join(PAYLOADS.values())
    site.letters.known = {
        f"0:{number}": Letter(
            f"0:{number}",
            Record(text.encode(), json.dumps({"name": text}, ensure_ascii=False).encode()),
            error_class=text,
            error=text,
            headers={text: text},
            original_topic=text,
        )
        for number, text in numbered
    }
    task = {**worker(1, 1)["running"][0], "actor": everything, "topic": everything}
    site.queue.alive = [{**worker(1, 1), "host": everything, "running": [task]}]
    site.lanes.known = {
        str(number): Lane(text, text, True, text, text, NOW) for number, text in numbered
    }
    for _, text in numbered:
        site.audit.note(text, text, text, text, **{text: text})
        wanted = JobFilter(error_code=text)
        site.operations.start(
            NewOperation(OperationKind.REPLAY, wanted, text, text), request_id=text
        )
    return site


@pytest.fixture
def texts(browser: Browser, site: Site) -> Iterator[Texts]:
    with served(site.app) as url:
        yield Texts(browser, f"{url}/dashboard")


@pytest.mark.parametrize(
    "path", ["", "/jobs", "/failures", "/operations", "/letters?all=1", "/lanes", "/audit"]
)
def test_lists_show_it_as_text(texts: Texts, path: str) -> None:
    assert texts.shown(path) == list(PAYLOADS)


@pytest.mark.parametrize("number", range(len(PAYLOADS)), ids=list(PAYLOADS))
def test_a_page_of_one_thing_shows_it_as_text(texts: Texts, site: Site, number: int) -> None:
    name = list(PAYLOADS)[number]
    operation = list(site.operations.known)[number]
    for path in (
        f"/jobs/{object_id(number)}",
        f"/jobs/{object_id(100 + number)}",
        f"/letters/0:{number}",
        f"/operations/{operation}",
    ):
        assert name in texts.shown(path), path


@pytest.mark.parametrize("number", range(len(PAYLOADS)), ids=list(PAYLOADS))
def test_a_resume_that_is_shown_unmasked_is_text(
    texts: Texts, browser: Browser, number: int
) -> None:
    texts.shown(f"/jobs/{object_id(100 + number)}")
    browser.find_element("css selector", "form[action$='/resume'] button").click()
    eventually(lambda: "Shown unmasked" in browser.page_source)
    assert list(PAYLOADS)[number] in texts.shown_now()


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
def test_what_an_address_says_is_text(texts: Texts, payload: str) -> None:
    asked = quote(payload)
    for path in (
        f"/jobs?error_text={asked}",
        f"/jobs?state={asked}&user_id={asked}",
        f"/jobs?cursor={asked}&error_code={asked}" if payload.isdigit() else "/jobs",
        f"/operations/new?kind=replay&error_text={asked}",
        f"/letters/0:0?outcome={asked}",
        f"/?span={asked}",
    ):
        texts.shown(path)


# Tasks of any actor


@pytest.fixture
def hostile_tasks(
    kafka_bootstrap: str, database: Database[Any], topic_prefix: str
) -> Iterator[TasksSite]:
    with TasksSite(kafka_bootstrap, database, namespace=topic_prefix) as site:
        for text in PAYLOADS.values():
            site.send("send_digest", text)
            site.send("send_mail", text)
        site.control.pause(MAILS, "low", by=PAYLOADS["an image"], reason=PAYLOADS["a script"])
        site.start_worker()
        eventually(lambda: site.delayed() == len(PAYLOADS), within_s=30)
        eventually(lambda: len(site.letters()) == len(PAYLOADS), within_s=30)
        yield site


def test_what_tasks_were_given_and_died_of_is_text(
    browser: Browser, hostile_tasks: TasksSite
) -> None:
    with served(hostile_tasks.dashboard.app) as url:
        texts = Texts(browser, f"{url}/dashboard/tasks")
        # Runs are written down a moment after they end.
        eventually(lambda: set(texts.shown("/actors/send_digest")) == set(PAYLOADS), within_s=30)
        assert texts.shown("/")
        assert set(texts.shown("/waiting/mails/delayed")) == set(PAYLOADS)
        assert set(texts.shown("/dead/mails")) == set(PAYLOADS)
        assert {"an image", "a script"} <= set(texts.shown("/queues"))
        letters = [texts.shown(f"/dead-letter/mails/{one}") for one in hostile_tasks.letters()]
        assert {name for found in letters for name in found} == set(PAYLOADS)
        for payload in PAYLOADS.values():
            asked = quote(payload, safe="")
            texts.shown(f"/dead/mails?actor={asked}&error_class={asked}")
            texts.shown(f"/actors/{asked}")
