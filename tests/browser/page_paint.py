"""Measure how soon each page is seen: `python -m tests.browser.page_paint`, on a quiet machine.

Each page is opened five times with an empty cache, on the service's own web process (the upload
side, and the dashboard's pages of tasks) or on collaborators in memory (the dashboard's pages of
jobs: `python -m bench.dashboard_queries` measures what those leave out). Exits with 1 when a page
is first seen after more than a second, or weighs more than 150 KB.
"""

import logging
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo

from devstack import ports, stack
from devstack.process import ROOT
from tests.browser.chromium import Browser, opened
from tests.browser.loading import loaded, wait_for_paint
from tests.browser.serving import served
from tests.browser.tasks_site import TasksSite
from tests.browser.upload_page import UploadPage
from tests.browser.views import TASK_VIEWS, night_site
from tests.services.client import TestUser

_TIMES = 5
_MAX_PAINT_MS = 1_000
_MAX_BYTES = 150 * 1024


class Table:
    """Opens pages, and prints a line for each."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.is_kept = True
        print("| page | KB | requests | first paint, ms | slowest of 5 |")  # noqa: T201
        print("| --- | ---: | ---: | ---: | ---: |")  # noqa: T201

    def add(self, name: str, url: str) -> None:
        paints = []
        for _ in range(_TIMES):
            self._browser.get("about:blank")
            self._browser.get(url)
            paints.append(wait_for_paint(self._browser))
        parts = loaded(self._browser)
        size_bytes, median = sum(one.bytes for one in parts), statistics.median(paints)
        self.is_kept &= size_bytes <= _MAX_BYTES and median <= _MAX_PAINT_MS
        numbers = [size_bytes / 1024, len(parts), median, max(paints)]
        cells = " | ".join(f"{number:.0f}" for number in numbers)
        print(f"| {name} | {cells} |", flush=True)  # noqa: T201


def _upload_side(table: Table, browser: Browser, url: str, user: TestUser) -> None:
    page = UploadPage(browser, url)
    table.add("upload, signed out", f"{url}/")
    page.sign_in(user)
    table.add("upload", f"{url}/")
    page.open()
    page.upload(ROOT / "samples" / "resume.pdf")
    page.wait_for("ready")
    page["ready-link"].click()
    page.wait_for("stored-when")
    table.add("resume", browser.current_url)


def _tasks(table: Table, env: Mapping[str, str]) -> None:
    with (
        pymongo.MongoClient[dict[str, Any]](env["DATABASE_SOURCE"], tz_aware=True) as client,
        TasksSite(env["KAFKA_BROKERS"], client["paint"], namespace="paint") as site,
        served(site.dashboard.app) as url,
    ):
        site.fill()
        letter = site.letters()[0]
        for name, path in TASK_VIEWS.items():
            table.add(f"tasks: {name}", f"{url}/dashboard/tasks{path.format(letter=letter)}")


def main() -> int:
    """Start everything, measure, and return the exit code."""
    logging.disable()
    site, views = night_site()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "profile") as browser:
        browser.keep_nothing()
        at = stack.Ports(web=ports.free_port(), kafka=ports.free_port(), mongo=ports.free_port())
        with stack.started(
            Path(folder),
            at,
            os.environ,
            email="paint@example.com",
            log_path=Path(folder) / "service.log",
        ) as running:
            table = Table(browser)
            user = TestUser(running.user.id, running.user.token)
            _upload_side(table, browser, running.url, user)
            with served(site.app) as url:
                for name, path in views.items():
                    table.add(name, f"{url}{path}")
            _tasks(table, running.env)
    return 0 if table.is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
