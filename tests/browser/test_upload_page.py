"""What people do on the upload page, in a real Chromium, on the real processes."""

import threading
import time
from pathlib import Path

import pytest
from bson import ObjectId
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.upload_page import UploadPage
from tests.eventually import eventually
from tests.services.client import UPLOAD, ServiceClient
from tests.services.parser_double import CV_DATA

MEGABYTE = 1024 * 1024
#: As a frame does while the slow polling waits for its answer.
_ASK_TWICE = (
    """for (const _ of [1, 2]) document.getElementById("job").dispatchEvent(new Event("refresh"))"""
)


def upload_until_read(page: UploadPage, client: ServiceClient, file: Path) -> None:
    """As a new user, and wait until the parser has it."""
    page.sign_in(client.new_user())
    page.upload(file)
    page.wait_for_step("processing")


def fail_unheard(page: UploadPage, client: ServiceClient) -> None:
    """End the page's job without an event: as if the frame had been lost on its way."""
    client.database["resume_parse_jobs"].update_one(
        {"_id": ObjectId(page.job_id)}, {"$set": {"status": "failed", "error_code": "file_lost"}}
    )


def test_a_resume_is_uploaded_with_the_keyboard_alone(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    user = client.new_user()
    page.sign_in(user)
    page.keep_announcements()
    page.tab_to("file")
    page.choose(resume_pdf)  # the system's own dialog is not ours to drive
    page.wait_for("submit")
    page.tab_to("submit")
    page.press(Keys.ENTER)
    page.wait_for("ready")

    assert page.focused_id == "result-title"
    shown, cv_data = page.text("resume"), client.status(user, page.job_id)["cv_data"]
    assert cv_data["name"] in shown
    assert cv_data["email"] in shown
    assert all(skill in shown for skill in cv_data["skills"])
    assert all(entry["company"] in shown for entry in cv_data["experience"])
    said = page.announcements()
    assert said[0] == "resume.pdf chosen."
    assert said[1] == "Upload of resume.pdf started."
    assert said.count("Your resume is ready.") == 1  # the focused heading says something else
    assert len(said) == len(set(said))
    assert page.browser.complaints() == []


def test_an_upload_leads_to_the_page_of_its_resume(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    page.sign_in(client.new_user())
    page.upload(resume_pdf)
    page.wait_for("ready")
    name = page.text("result-title")
    page["ready-link"].click()
    page.wait_for("stored-when")

    assert page.text("result-title") == name != ""
    assert page.browser.complaints() == []


def test_anothers_resume_is_not_to_be_found(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    owner = client.new_user()
    job = client.ended(owner, client.accepted(owner, resume_pdf.read_bytes()))
    page.sign_in(client.new_user())
    page.open(f"resumes/{job['resume_id']}")
    page.wait_for("problem")

    assert page.text("problem-title") == "We could not find this"


def test_a_reload_finds_the_job_again_while_it_runs_and_when_it_is_done(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event, resume_pdf: Path
) -> None:
    page = doubled_page
    upload_until_read(page, doubled, resume_pdf)
    job_id = page.job_id

    page.browser.refresh()
    page.wait_for_step("processing")
    eventually(lambda: page.text("job-file") == "resume.pdf", within_s=30)
    page.wait_for_link("Live")

    page.open("?lang=vi")
    page.wait_for_step("processing")
    assert page.job_id == job_id

    held.set()
    page.wait_for("ready")
    page.browser.refresh()
    page.wait_for("ready")
    assert CV_DATA["name"] in page.text("resume")
    assert page.browser.complaints() == []


def test_a_pdf_without_text_fails_with_the_next_step_and_room_for_it(
    page: UploadPage, client: ServiceClient, scan_pdf: Path, resume_pdf: Path
) -> None:
    page.sign_in(client.new_user())
    page.upload(scan_pdf)
    page.wait_for("problem")

    assert page.focused_id == "problem-title"
    assert page.text("problem-title") == "We could not read this PDF"
    assert "Save as PDF" in page.text("problem-next")
    assert page.shows("problem-reason")
    assert page.step_state("processing") == "failed"
    page.upload(resume_pdf)
    page.wait_for("ready")


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b"", "This file is empty"),
        (b"Dear Sir or Madam", "This is not a PDF"),
        (b"%PDF-1.7\n" + b"\0" * 10 * MEGABYTE, "This file is larger than 10 MB"),
    ],
    ids=["empty", "not a PDF", "too large"],
)
def test_a_wrong_file_is_caught_before_it_is_sent(
    page: UploadPage, client: ServiceClient, tmp_path: Path, content: bytes, title: str
) -> None:
    wrong = tmp_path / "resume.pdf"
    wrong.write_bytes(content)
    page.sign_in(client.new_user())
    page.choose(wrong)
    fault = page.wait_for("file-fault")

    assert fault.text.startswith(title)
    assert page["file"].get_attribute("aria-invalid") == "true"
    assert "file-fault" in (page["file"].get_attribute("aria-describedby") or "")
    assert not page.shows("submit")
    assert page.requests_of(UPLOAD) == 0


@pytest.mark.parametrize("action", ["drop", "paste"])
def test_a_file_may_be_dropped_or_pasted_but_only_one(
    page: UploadPage, client: ServiceClient, action: str
) -> None:
    page.sign_in(client.new_user())
    page.drop_or_paste(action, "a.pdf", "b.pdf")
    assert page.wait_for("file-fault").text.startswith("One file at a time")
    page.drop_or_paste(action, "a.pdf")
    page.wait_for("submit")

    assert page.text("file-name") == "a.pdf"
    assert not page.shows("file-fault")


def test_who_has_a_resume_is_told_so(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    user = client.new_user()
    client.ended(user, client.accepted(user, resume_pdf.read_bytes()))
    page.sign_in(user)
    page.upload(resume_pdf)
    page.wait_for("problem")

    assert page.text("problem-title") == "You already have a resume"
    assert not page.shows("choose")
    page.browser.find_element(By.LINK_TEXT, "See your resume").click()
    page.wait_for("stored-when")


def test_an_upload_beside_a_running_one_follows_the_running_one(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event, resume_pdf: Path
) -> None:
    page = doubled_page
    user = doubled.new_user()
    job_id = doubled.accepted(user, name="earlier.pdf")
    page.sign_in(user)
    page.upload(resume_pdf)
    page.wait_for("job-why")

    assert page.job_id == job_id
    eventually(lambda: page.text("job-file") == "earlier.pdf", within_s=30)
    held.set()
    page.wait_for("ready")


def test_the_bar_shows_the_bytes_that_have_left_and_the_page_is_held_meanwhile(
    page: UploadPage, client: ServiceClient, large_pdf: Path
) -> None:
    page.sign_in(client.new_user())
    page.keep_announcements()
    page.browser.slow_down(MEGABYTE // 8)  # each quarter must take longer than the page may stop
    page.upload(large_pdf)

    eventually(lambda: 0 < page.sent_percent() < 100, within_s=30)
    assert page.would_ask_before_leaving()
    page.wait_for("problem", within_s=60)  # it is no real PDF
    assert not page.would_ask_before_leaving()
    assert {"25 % sent.", "50 % sent.", "75 % sent."} <= set(page.announcements())


def test_a_lost_connection_keeps_the_file_and_a_second_press_uploads_it_once(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    user = client.new_user()
    page.sign_in(user)
    page.browser.block(f"*{UPLOAD}")
    page.upload(resume_pdf)
    page.wait_for("problem")
    assert page.text("problem-title") == "The connection was lost"
    assert not page.shows("submit")

    page.browser.block()
    page["again"].click()
    page.wait_for("ready")
    assert len(client.resumes_of(user)) == 1


@pytest.mark.parametrize("way", ["button", "reload"])
def test_an_upload_whose_answer_was_lost_is_found_again_and_not_made_twice(
    page: UploadPage, client: ServiceClient, resume_pdf: Path, way: str
) -> None:
    user = client.new_user()
    page.sign_in(user)
    page.lose_next_answer()
    page.upload(resume_pdf)
    page.wait_for("again")
    job = client.database["resume_parse_jobs"].find_one({"user_id": ObjectId(user.id)})
    assert job
    client.ended(user, str(job["_id"]))  # with another key it would be "You already have a resume"
    if way == "button":
        page["again"].click()
    else:
        page.browser.refresh()
        page.wait_for("choose")
        page.upload(resume_pdf)

    page.wait_for("ready")
    assert page.job_id == str(job["_id"])


def test_the_file_that_a_browser_keeps_over_a_reload_is_still_chosen(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    page.sign_in(client.new_user())
    page.choose(resume_pdf)
    page.wait_for("submit")
    page.open("livez")
    page.browser.back()

    assert page.wait_for("file-name").text == "resume.pdf"


def test_without_a_socket_the_page_polls_and_says_so(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event, resume_pdf: Path
) -> None:
    page = doubled_page
    page.sign_in(doubled.new_user())
    page.keep_links()
    page.browser.block("*/ws-ticket")
    page.upload(resume_pdf)

    page.wait_for_link("Checking every 2 seconds")
    assert page.links()[0] == "Reconnecting"
    page.browser.block()
    page.browser.execute_script("dispatchEvent(new Event('online'))")
    page.wait_for_link("Live")  # long before the next try by itself
    held.set()
    page.wait_for("ready")


def test_what_a_live_socket_did_not_tell_is_found_by_asking(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event, resume_pdf: Path
) -> None:
    page = doubled_page
    upload_until_read(page, doubled, resume_pdf)
    page.wait_for_link("Live")
    fail_unheard(page, doubled)

    page.wait_for("problem")
    assert not held.is_set()
    assert page.text("problem-title") == "Your file is no longer with us"


def test_an_end_is_told_once_though_the_page_had_asked_twice(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event, resume_pdf: Path
) -> None:
    page = doubled_page
    upload_until_read(page, doubled, resume_pdf)
    page.keep_announcements()
    fail_unheard(page, doubled)
    page.browser.execute_script(_ASK_TWICE)
    page.wait_for("problem")
    # Whatever was asked before this is answered by now.
    page.browser.execute_async_script("fetch('/livez').then(arguments[0])")

    assert not held.is_set()
    assert page.announcements() == ["The upload failed."]


def test_without_a_token_the_page_says_how_to_sign_in(
    page: UploadPage, client: ServiceClient
) -> None:
    page.open()
    page.wait_for("signed-out")
    page.browser.find_element(By.TAG_NAME, "summary").click()
    page["token"].send_keys(client.new_user().token, Keys.ENTER)
    page.wait_for("choose")


def test_a_sign_in_link_leaves_no_token_in_the_address(
    page: UploadPage, client: ServiceClient
) -> None:
    page.open()
    page.wait_for("signed-out")
    page.sign_in(client.new_user())  # in the same tab, so only the fragment changes

    assert page.browser.current_url == f"{page.url}/"


def test_a_refused_token_signs_out(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    user = client.new_user()
    page.sign_in(user)
    client.database["user"].delete_one({"_id": ObjectId(user.id)})
    page.upload(resume_pdf)
    page.wait_for("signed-out")

    assert page.focused_id == "signed-out-title"
    page.browser.refresh()
    page.wait_for("signed-out")


def test_a_token_that_expires_while_the_page_waits_signs_out(
    doubled_page: UploadPage, doubled: ServiceClient, held: threading.Event
) -> None:
    user = doubled.new_user()
    job_id = doubled.accepted(user)
    eventually(lambda: doubled.status(user, job_id)["status"] == "processing", within_s=30)
    # The page has until then to show the job, and the parser holds that for longer still.
    doubled_page.open(f"?job={job_id}#token={doubled.token(sub=user.id, exp=time.time() + 10)}")
    doubled_page.wait_for_step("processing")
    doubled_page.wait_for("signed-out")

    assert not held.is_set()
    doubled_page.open(f"?job={job_id}#token={user.token}")
    doubled_page.wait_for_step("processing")


def test_an_expired_token_is_not_even_tried(page: UploadPage, client: ServiceClient) -> None:
    page.open(f"#token={client.token(sub=client.new_user().id, exp=1)}")

    page.wait_for("signed-out")


def test_the_page_speaks_vietnamese_to_the_end(
    page: UploadPage, client: ServiceClient, resume_pdf: Path
) -> None:
    page.sign_in(client.new_user(), "?lang=vi")
    assert page.browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "vi"
    page.upload(resume_pdf)
    page.wait_for("ready")

    assert page.text("ready-title") == "CV của bạn đã sẵn sàng"
    assert "Kinh nghiệm làm việc" in page.text("resume")
