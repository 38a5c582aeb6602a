"""An upload is taken back: while it is sent, and while it waits; and what the wait looks like."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from bson import ObjectId
from selenium.webdriver.common.keys import Keys

from tests.browser.upload_page import UploadPage
from tests.eventually import eventually
from tests.services.client import UPLOAD, ServiceClient, TestUser

MEGABYTE = 1024 * 1024


@pytest.fixture
def page(quiet_page: UploadPage) -> UploadPage:
    """Of the service without workers."""
    return quiet_page


def cancel(client: ServiceClient, user: TestUser, job_id: str) -> requests.Response:
    address = f"{client.url}/api/v1/resumes/jobs/{job_id}"
    return requests.delete(address, headers=user.headers, timeout=10)


def test_what_is_being_sent_can_be_stopped_and_sent_after_all(
    page: UploadPage, quiet: ServiceClient, large_pdf: Path
) -> None:
    user = quiet.new_user()
    page.sign_in(user)
    page.keep_announcements()
    page.browser.slow_down(MEGABYTE // 16)  # there must be time to take it back
    page.upload(large_pdf)
    eventually(lambda: 0 < page.sent_percent() < 100, within_s=30)
    page.tab_to("cancel")
    page.press(Keys.ENTER)
    page.wait_for("choose")

    assert page.text("file-name") == "large.pdf"
    assert page.focused_id == "submit"
    assert page.announcements()[-1] == "Upload cancelled. large.pdf is still chosen."
    assert not page.would_ask_before_leaving()
    assert quiet.database["resume_parse_jobs"].count_documents({"user_id": ObjectId(user.id)}) == 0
    page.browser.slow_down(-1)
    page.press(Keys.ENTER)
    page.wait_for_step("pending")
    assert quiet.status(user, page.job_id)["file_name"] == "large.pdf"


def test_what_waits_can_be_taken_back_here_or_in_another_tab(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path
) -> None:
    user = quiet.new_user()
    page.sign_in(user)
    page.upload(resume_pdf)
    page.wait_for_step("pending")
    first_id = page.job_id
    page.wait_for("cancel")  # the page has asked once more by then
    page.tab_to("cancel")
    page.press(Keys.ENTER)
    page.wait_for("problem")

    assert page.text("problem-title") == "Upload cancelled"
    assert page.focused_id == "problem-title"
    assert quiet.status(user, first_id)["error_code"] == "cancelled"
    assert page.job_id == ""
    page.wait_for("submit").click()  # the file is still chosen
    page.wait_for_step("pending")
    assert page.job_id != first_id
    page.wait_for_link("Live")
    cancel(quiet, user, page.job_id)
    page.wait_for("problem")
    assert page.text("problem-title") == "Upload cancelled"
    assert page.browser.complaints() == []


def test_who_is_too_late_is_told_so_and_goes_on_waiting(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path
) -> None:
    page.sign_in(quiet.new_user())
    page.upload(resume_pdf)
    page.wait_for_step("pending")
    page.wait_for("cancel")
    # The button goes as soon as the page hears of it: here a person is faster.
    page.browser.block("*/job-status*")
    page.wait_for_answers()
    quiet.database["resume_parse_jobs"].update_one(
        {"_id": ObjectId(page.job_id)}, {"$set": {"status": "processing"}}
    )
    page.wait_for("cancel").click()
    page.wait_for("job-why")
    page.browser.block()

    assert page.text("job-why").startswith("Too late to cancel.")
    page.wait_for_step("processing")
    assert not page.shows("cancel")


def test_a_place_in_the_queue_is_shown_and_moves_on(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path
) -> None:
    earlier, user = quiet.new_user(), quiet.new_user()
    earlier_id = quiet.accepted(earlier)
    page.sign_in(user)
    page.upload(resume_pdf)
    page.wait_for("place")
    ahead = quiet.status(user, page.job_id)["position"]

    assert ahead >= 1
    eventually(lambda: page.text("place") == f"Uploads before yours: {ahead}.")
    cancel(quiet, earlier, earlier_id)
    left = f"Uploads before yours: {ahead - 1}." if ahead > 1 else "You are next."
    eventually(lambda: page.text("place") == left, within_s=30)
    page.wait_for_link("Live")


def test_an_estimate_is_shown_where_there_is_one(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path
) -> None:
    quiet.accepted(quiet.new_user())
    page.sign_in(quiet.new_user(), "?lang=vi")
    this_minute = datetime.now(UTC).replace(second=0, microsecond=0)
    minutes = [this_minute + timedelta(minutes=number) for number in range(-8, 3)]
    kept = quiet.database["job_minutes"]
    for minute in minutes:
        kept.update_one({"_id": minute}, {"$set": {"completed": 1000}}, upsert=True)
    page.upload(resume_pdf)
    shown = page.wait_for("place").text
    kept.update_many({"_id": {"$in": minutes}}, {"$unset": {"completed": ""}})

    assert shown.endswith("Dự kiến đến lượt bạn sau khoảng 1 phút.")


def test_the_buttons_name_the_file_that_they_act_on(
    page: UploadPage, quiet: ServiceClient, resume_pdf: Path
) -> None:
    page.sign_in(quiet.new_user())
    page.choose(resume_pdf)
    assert page.wait_for("submit").accessible_name == "Upload resume resume.pdf"
    page.browser.block(f"*{UPLOAD}")
    page["submit"].click()
    page.wait_for("again")
    page.browser.block()
    page["again"].click()

    eventually(lambda: page.accessible_name("cancel") == "Cancel upload resume.pdf", within_s=30)
    script = "return document.getElementById('sending').content.querySelector('progress').outerHTML"
    assert 'aria-labelledby="progress job-file"' in page.browser.execute_script(script)
