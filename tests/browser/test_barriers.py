"""axe-core finds no barrier on any view of the upload side, light or dark, on a phone."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.browser.axe import violations
from tests.browser.chromium import PHONE
from tests.browser.test_correcting import stored_resume
from tests.browser.upload_page import UploadPage
from tests.services.client import ServiceClient


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def page(request: pytest.FixtureRequest, quiet_page: UploadPage) -> UploadPage:
    quiet_page.browser.show_as(PHONE, dark=request.param)
    return quiet_page


def test_signing_in_choosing_and_waiting(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path, tmp_path: Path
) -> None:
    page.open()
    page.wait_for("signed-out")
    page.browser.find_element(By.TAG_NAME, "summary").click()
    assert violations(page.browser) == []

    page.sign_in(quiet.new_user())
    assert violations(page.browser) == []
    empty = tmp_path / "empty.pdf"
    empty.touch()
    page.choose(empty)
    page.wait_for("file-fault")
    assert violations(page.browser) == []
    page.upload(resume_pdf)
    page.wait_for("place")
    assert violations(page.browser) == []
    page["cancel"].click()
    page.wait_for("problem")
    assert violations(page.browser) == []
    assert not page.sticks_out()


def test_reading_and_correcting(page: UploadPage, quiet: ServiceClient) -> None:
    resume = stored_resume()
    user = quiet.new_user(resume=[resume])
    page.open(f"resumes/{resume['_id']}#token={user.token}")
    page.wait_for("stored-when")
    assert violations(page.browser) == []
    page.browser.find_element(By.CSS_SELECTOR, "[data-edit=experience]").click()
    page.wait_for("edit-experience")
    assert violations(page.browser) == []


def test_a_result(doubled_page: UploadPage, doubled: ServiceClient, resume_pdf: Path) -> None:
    doubled_page.sign_in(doubled.new_user())
    doubled_page.upload(resume_pdf)
    doubled_page.wait_for("ready")

    assert violations(doubled_page.browser) == []
