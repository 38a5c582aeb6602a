"""Take pictures of every view, in light and dark, into .data/screenshots; two are the README's.

`make screenshots` starts a stack of its own and uploads samples/resume.pdf as a new user would. The
dashboard is shown on collaborators in memory, where a night has gone wrong.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from devstack import ports, stack
from devstack.process import ROOT
from tests.browser.chromium import Browser, opened
from tests.browser.upload_page import UploadPage
from tests.eventually import eventually
from tests.services.client import TestUser
from tests.unit.webapp.dashboard.in_memory import object_id
from tests.unit.webapp.dashboard.site import Site, with_operations

_PICTURES = ROOT / ".data" / "screenshots"
_README = {
    "upload-finished-light": ROOT / "docs" / "images" / "upload-finished.png",
    "overview-light": ROOT / "docs" / "images" / "dashboard.png",
}
_SIZES = {"upload": (900, 950), "dashboard": (1280, 900)}
#: All is drawn when this holds: fonts, plots, and the change from light to dark.
_IS_DRAWN = """const drawings = [...document.querySelectorAll(".drawing")];
    return document.fonts.status === "loaded" && !document.getAnimations().length
        && drawings.every((drawing) => drawing.querySelector("canvas"))"""


def take(browser: Browser, name: str, kind: str) -> None:
    """Save the page as it stands, in light and dark."""
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    for scheme in ("light", "dark"):
        browser.show_as(_SIZES[kind], dark=scheme == "dark")
        eventually(lambda: browser.execute_script(_IS_DRAWN))
        picture = _README.get(f"{name}-{scheme}", _PICTURES / f"{name}-{scheme}.png")
        browser.save_screenshot(str(picture))
        sys.stdout.write(f"{picture.relative_to(ROOT)}\n")


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


def dashboard_views(site: Site) -> Mapping[str, str]:
    """Return the dashboard's views and their addresses."""
    dry_run, running, ended = with_operations(site)
    return {
        "overview": "",
        "jobs": "/jobs",
        "jobs-failed": "/jobs?state=failed",
        "jobs-none": "/jobs?error_code=nothing",
        "job": f"/jobs/{object_id(0)}",
        "failures": "/failures",
        "operations": "/operations",
        "operation-dry-run": f"/operations/{dry_run}",
        "operation-running": f"/operations/{running}",
        "operation-ended": f"/operations/{ended}",
        "letters": "/letters",
        "letter": "/letters/3:17",
        "lanes": "/lanes",
        "audit": "/audit",
    }


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Serve the dashboard while the context is open."""
    server = make_server(ports.LOOPBACK, 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{ports.LOOPBACK}:{server.server_port}/dashboard"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Start everything, take the pictures, stop everything."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    site = Site()
    views = dashboard_views(site)
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "profile") as browser:
        with served(site) as url:
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
            take_upload(browser, running.url, TestUser(running.user.id, running.user.token))


if __name__ == "__main__":
    main()
