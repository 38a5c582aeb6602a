"""Take the README's picture, docs/images/upload-finished.png, of the real service.

`python -m tests.browser.screenshots` starts a stack of its own, uploads samples/resume.pdf as a new
user would, and photographs the page when the resume is there.
"""

import os
import tempfile
from pathlib import Path

from devstack import ports, stack
from tests.browser.chromium import Browser, opened
from tests.browser.upload_page import UploadPage
from tests.services.client import TestUser

_ROOT = Path(__file__).parents[2]
_PICTURE = _ROOT / "docs" / "images" / "upload-finished.png"
_SIZE = (900, 950)


def take(browser: Browser, url: str, user: TestUser) -> None:
    """Upload the sample and save the picture of how it ends."""
    browser.show_as(_SIZE)
    page = UploadPage(browser, url)
    page.sign_in(user)
    page.upload(_ROOT / "samples" / "resume.pdf")
    page.wait_for("ready")
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    browser.save_screenshot(str(_PICTURE))


def main() -> None:
    """Start everything, take the picture, stop everything."""
    with tempfile.TemporaryDirectory() as folder:
        at = stack.Ports(web=ports.free_port(), kafka=ports.free_port(), mongo=ports.free_port())
        with (
            stack.started(
                Path(folder),
                at,
                os.environ,
                email="picture@example.com",
                log_path=Path(folder) / "service.log",
            ) as running,
            opened(Path(folder) / "profile") as browser,
        ):
            take(browser, running.url, TestUser(running.user.id, running.user.token))


if __name__ == "__main__":
    main()
