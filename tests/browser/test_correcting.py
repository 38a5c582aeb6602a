"""The page of a stored resume: its owner reads it and corrects it, field by field."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import PHONE
from tests.browser.upload_page import UploadPage
from tests.eventually import eventually
from tests.services.client import ServiceClient, TestUser

DETAIL = {
    "name": "Nguyen Van A",
    "email": "a@example.com",
    "phone": "",
    "summary": "Writes <b>services</b>.",
    "skill": ["Go", "Pyton"],
    "education": {"degree": "Bachelor", "institution": "UIT", "graduation_year": "2020"},
    "experience": {
        "title": "Developer",
        "company": "Tech Corp",
        "duration": "2020-2024",
        "responsibilities": ["Design"],
        "achievements": [],
    },
    "certifications": [],
    "languages": ["Vietnamese"],
}


def stored_resume() -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "resume_detail": DETAIL,
        "version": 1,
        "created_at": datetime.now(UTC),
    }


class ResumePage(UploadPage):
    """`/resumes/<id>` of a user who has a resume."""

    def edit(self, field: str) -> WebElement:
        """Open the dialog of the field with the mouse and return it."""
        self.browser.find_element(By.CSS_SELECTOR, f"[data-edit={field}]").click()
        return self.wait_for(f"edit-{field}")

    def control(self, name: str) -> WebElement:
        return self.browser.find_element(By.NAME, name)

    def fill(self, name: str, text: str) -> None:
        self.control(name).clear()
        self.control(name).send_keys(text)

    def save(self, field: str) -> None:
        self[f"edit-{field}"].find_element(By.CSS_SELECTOR, "[value=save]").click()

    def wait_for_text(self, text: str) -> None:
        eventually(
            lambda: text in self.text("resume"), within_s=30, why=f"the resume shows {text!r}"
        )


@pytest.fixture
def user(quiet: ServiceClient) -> TestUser:
    return quiet.new_user(resume=[stored_resume()])


@pytest.fixture
def page(quiet_page: UploadPage, quiet: ServiceClient, user: TestUser) -> ResumePage:
    page = ResumePage(quiet_page.browser, quiet.url)
    page.open(f"resumes/{quiet.resumes_of(user)[0]['_id']}#token={user.token}")
    page.wait_for("stored-when")
    return page


def stored(client: ServiceClient, user: TestUser) -> dict[str, object]:
    detail: dict[str, object] = client.resumes_of(user)[0]["resume_detail"]
    return detail


def test_a_field_is_corrected_with_the_keyboard_alone(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.keep_announcements()
    page.tab_to("name", "data-edit")
    page.press(Keys.ENTER)
    page.wait_for("edit-name")
    assert page.focused("name") == "name"
    assert page.focused("value") == "Nguyen Van A"
    page.press(Keys.END, " Tèo", Keys.ENTER)
    page.wait_for_text("Nguyen Van A Tèo")

    eventually(lambda: page.focused("data-edit") == "name")  # htmx settles after it swapped
    assert page.announcements() == ["Saved."]
    assert stored(quiet, user) == {**DETAIL, "name": "Nguyen Van A Tèo"}
    assert "version 2" in page.text("stored-when")
    assert page.browser.complaints() == []


def test_what_is_cancelled_changes_nothing_and_returns_to_where_it_began(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.edit("summary")
    page.fill("summary", "nonsense")
    page.press(Keys.ESCAPE)
    eventually(lambda: not page.shows("edit-summary"))
    assert page.focused("data-edit") == "summary"

    page.edit("summary")
    assert page.control("summary").get_attribute("value") == DETAIL["summary"]
    page["edit-summary"].find_element(By.CSS_SELECTOR, "[value=cancel]").click()
    eventually(lambda: not page.shows("edit-summary"))
    assert stored(quiet, user) == DETAIL


def test_lists_are_lines_objects_are_their_members_and_what_was_not_found_can_be_filled(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.edit("skill")
    page.fill("skill", "Go\nPython\n\nKafka")
    page.save("skill")
    page.wait_for_text("Kafka")
    page.edit("experience")
    page.fill("experience.company", "Công ty Sao Mai")
    page.fill("experience.achievements", "Prize 2023")
    page.save("experience")
    page.wait_for_text("Prize 2023")
    assert "We found nothing for this part." in page.text("resume")
    page.edit("certifications")
    page.fill("certifications", "CKA")
    page.save("certifications")
    page.wait_for_text("CKA")

    experience = {"company": "Công ty Sao Mai", "achievements": ["Prize 2023"]}
    assert stored(quiet, user) == {
        **DETAIL,
        "skill": ["Go", "Python", "Kafka"],
        "experience": {**DETAIL["experience"], **experience},  # type: ignore[dict-item]
        "certifications": ["CKA"],
    }
    assert "We found nothing for this part." not in page.text("resume")


def test_what_was_corrected_when_can_be_looked_up(page: ResumePage) -> None:
    assert not page.browser.find_elements(By.CSS_SELECTOR, "#resume > details")
    page.edit("phone")
    page.fill("phone", "+84 901 234 567")
    page.save("phone")
    page.wait_for_text("+84 901 234 567")
    page.tab_to("certifications", "data-edit")
    page.press(Keys.TAB, Keys.ENTER)
    eventually(lambda: "Corrected: Phone" in page.text("resume"))

    [newest, first] = page.browser.find_elements(By.CSS_SELECTOR, ".versions li")
    assert newest.text.startswith("Version 2")
    assert first.text.endswith("Read from your file")
    assert page.browser.complaints() == []


def test_an_odd_phone_number_is_saved_and_pointed_out(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.keep_announcements()
    page.edit("phone")
    page.fill("phone", "ask me")
    page.save("phone")
    page.wait_for_text("ask me")

    assert "does not look like a phone number" in page.announcements()[-1]
    assert stored(quiet, user)["phone"] == "ask me"


def test_of_two_tabs_the_second_is_shown_what_the_first_has_saved(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.edit("name")
    page.fill("name", "From this tab")
    quiet.database["user"].update_one(
        {"_id": ObjectId(user.id)},
        {"$set": {"resume.0.version": 2, "resume.0.resume_detail.name": "From another tab"}},
    )
    page.save("name")
    eventually(lambda: "It now says: From another tab" in page.text("fault-name"))

    assert page.control("name").get_attribute("value") == "From this tab"
    assert stored(quiet, user)["name"] == "From another tab"
    page.save("name")
    page.wait_for_text("From this tab")
    assert (quiet.resumes_of(user)[0]["version"], stored(quiet, user)["name"]) == (
        3,
        "From this tab",
    )


def test_what_is_too_long_is_said_at_its_field_and_can_be_tried_again(
    page: ResumePage, quiet: ServiceClient, user: TestUser
) -> None:
    page.edit("experience")
    script = "document.getElementsByName(arguments[0])[0].value = arguments[1]"
    page.browser.execute_script(script, "experience.achievements", "x" * 2001)
    page.save("experience")
    eventually(lambda: page.text("fault-experience").startswith("This could not be saved"))

    assert page.control("experience.achievements").get_attribute("aria-invalid") == "true"
    assert page.control("experience.title").get_attribute("aria-invalid") is None
    page.fill("experience.achievements", "short")
    page.browser.block("*/api/v1/resumes/*")
    page.save("experience")
    eventually(lambda: page.text("fault-experience").startswith("The connection was lost"))
    page.browser.block()
    page.save("experience")
    page.wait_for_text("short")
    assert stored(quiet, user)["experience"] == {
        **DETAIL["experience"],  # type: ignore[dict-item]
        "achievements": ["short"],
    }


def test_what_was_saved_is_text_and_never_markup(page: ResumePage) -> None:
    assert "<b>services</b>" in page.text("resume")
    page.edit("summary")

    assert page.control("summary").get_attribute("value") == "Writes <b>services</b>."


@pytest.mark.parametrize("query", ["?lang=en", "?lang=vi"])
def test_every_dialog_fits_on_a_phone(page: ResumePage, query: str) -> None:
    page.open(f"resumes/{page.browser.current_url.rsplit('/', 1)[-1].split('?')[0]}{query}")
    page.wait_for("stored-when")
    page.browser.show_as(PHONE)
    for button in page.browser.find_elements(By.CSS_SELECTOR, "[data-edit]"):
        field = button.get_attribute("data-edit") or ""
        page.edit(field)
        assert not page.sticks_out()
        width = page[f"edit-{field}"].find_element(By.TAG_NAME, "article").size["width"]
        assert width <= PHONE[0]
        page.press(Keys.ESCAPE)
        eventually(lambda field=field: not page.shows(f"edit-{field}"))  # type: ignore[misc]
