"""Take pictures of every view, in light and dark, into .data/screenshots; two are the README's.

`make screenshots` starts a stack of its own and uploads samples/resume.pdf as a new user would. The
dashboard is shown on collaborators in memory, where a night has gone wrong.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
from selenium.webdriver.common.by import By

from devstack import ports, stack
from devstack.process import ROOT
from tests.browser.chromium import PHONE, Browser, opened
from tests.browser.serving import served
from tests.browser.tasks_site import TasksSite
from tests.browser.upload_page import UploadPage
from tests.browser.views import TASK_VIEWS, night_site
from tests.eventually import eventually
from tests.services.client import TestUser

_PICTURES = ROOT / ".data" / "screenshots"
_README = {
    "upload-finished-light": ROOT / "docs" / "images" / "upload-finished.png",
    "overview-light": ROOT / "docs" / "images" / "dashboard.png",
}
_UPLOAD, _DASHBOARD = (900, 950), (1280, 900)
_LOOKS = {
    "upload": {"light": (_UPLOAD, False), "dark": (_UPLOAD, True)},
    "dashboard": {
        "light": (_DASHBOARD, False),
        "dark": (_DASHBOARD, True),
        "phone": (PHONE, False),
    },
}
_ARE_PLOTTED = """const drawings = [...document.querySelectorAll(".drawing")];
    return drawings.every((drawing) => drawing.querySelector("canvas"))"""


def take(browser: Browser, name: str, kind: str) -> None:
    """Save the page as it stands, in light and dark; the dashboard's on a phone, too."""
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    for look, (size, is_dark) in _LOOKS[kind].items():
        browser.show_as(size, dark=is_dark)
        eventually(lambda: browser.has_settled() and browser.execute_script(_ARE_PLOTTED))
        picture = _README.get(f"{name}-{look}", _PICTURES / f"{name}-{look}.png")
        browser.save_screenshot(str(picture))
        sys.stdout.write(f"{picture.relative_to(ROOT)}\n")
    browser.show_as(_LOOKS[kind]["light"][0])  # the next page is drawn for it


def take_upload(browser: Browser, url: str, user: TestUser) -> None:
    """Upload the sample, and show the page before, after, and the stored resume."""
    page = UploadPage(browser, url)
    page.open()
    take(browser, "upload-signed-out", "upload")
    page.sign_in(user)
    page.wait_for("choose")
    take(browser, "upload", "upload")
    page.upload(ROOT / "samples" / "resume.pdf")
    page.wait_for("ready")
    take(browser, "upload-finished", "upload")
    page["ready-link"].click()
    page.wait_for("stored-when")
    take(browser, "resume", "upload")


def take_tasks(browser: Browser, env: Mapping[str, str]) -> None:
    """Show tasks of several actors: in the dashboard's look, and in the one of who gives none."""
    with (
        pymongo.MongoClient[dict[str, Any]](env["DATABASE_SOURCE"], tz_aware=True) as client,
        TasksSite(env["KAFKA_BROKERS"], client["pictures"], namespace="pictures") as site,
    ):
        site.fill()
        [letter, *_] = site.letters()
        with served(site.dashboard.app) as ours, served(site.standalone()) as theirs:
            for name, view in TASK_VIEWS.items():
                path = view.format(letter=letter)
                browser.get(f"{ours}/dashboard/tasks{path}")
                take(browser, f"tasks-{name}", "dashboard")
                browser.get(f"{theirs}/tasks{path}")
                take(browser, f"tasks-{name}-own-look", "dashboard")
            browser.get(f"{ours}/dashboard/tasks/waiting/mails/delayed")
            browser.find_elements(By.NAME, "task")[-1].click()
            browser.find_element(By.XPATH, "//button[text()='Cancel chosen ones']").click()
            take(browser, "tasks-done", "dashboard")


def main() -> None:
    """Start everything, take the pictures, stop everything."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    logging.disable()  # tasks fail, as they are meant to
    site, views = night_site()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "profile") as browser:
        with served(site.app) as url:
            for name, address in views.items():
                browser.get(f"{url}{address}")
                take(browser, name, "dashboard")
        at = stack.Ports(web=ports.free_port(), kafka=ports.free_port(), mongo=ports.free_port())
        with stack.started(
            Path(folder),
            at,
            os.environ,
            email="picture@example.com",
            log_path=Path(folder) / "service.log",
        ) as running:
            take_tasks(browser, running.env)
            take_upload(browser, running.url, TestUser(running.user.id, running.user.token))


if __name__ == "__main__":
    main()
