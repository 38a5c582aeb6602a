"""The page holds together on each screen, in the dark, without JavaScript, and for everybody."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.browser.chromium import DESKTOP, PHONE, opened
from tests.browser.upload_page import UploadPage
from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.parser_double import CV_DATA, ParserDouble

LONG_NAME = "Công Tằng Tôn Nữ Nguyễn Thị Hoàng Phương Thảo Vy"
LONG_MAIL = f"{'cong.tang.ton.nu' * 4}@mot-ten-mien-rat-dai.example.vn"


@pytest.fixture
def page(doubled_page: UploadPage) -> UploadPage:
    """Of the service whose parser says what a test wants it to."""
    return doubled_page


def parsed_as(double: ParserDouble, **fields: object) -> None:
    """Let the parser answer with these fields in place of its own."""
    cv_data = {**CV_DATA, **fields}
    double.behave = lambda request, _: request.json(
        200, {"success": True, "message": "ok", "cv_data": cv_data}
    )


def upload_done(page: UploadPage, client: ServiceClient, file: Path) -> None:
    page.sign_in(client.new_user())
    page.upload(file)
    page.wait_for("ready")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_sticks_out_however_long_the_names(
    page: UploadPage,
    doubled: ServiceClient,
    double: ParserDouble,
    resume_pdf: Path,
    size: tuple[int, int],
) -> None:
    parsed_as(double, name=LONG_NAME, email=LONG_MAIL, skills=["x" * 200])
    page.browser.show_as(size)
    upload_done(page, doubled, resume_pdf)

    assert LONG_NAME in page.text("resume").replace("\n", " ")
    width = page.browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= size[0]


def test_what_the_parser_did_not_find_is_not_shown(
    page: UploadPage, doubled: ServiceClient, double: ParserDouble, resume_pdf: Path
) -> None:
    parsed_as(double, summary="", phone="", certifications=[], languages=[], education=[])
    upload_done(page, doubled, resume_pdf)

    headings = [h.text for h in page["resume"].find_elements(By.TAG_NAME, "h3")]
    assert headings == ["Experience", "Skills"]
    assert page["resume"].find_elements(By.CSS_SELECTOR, "[href^='tel:']") == []


def test_a_resume_without_anything_says_so(
    page: UploadPage, doubled: ServiceClient, double: ParserDouble, resume_pdf: Path
) -> None:
    parsed_as(double, **dict.fromkeys(CV_DATA, None))
    upload_done(page, doubled, resume_pdf)

    assert page.text("resume").splitlines()[0] == "No name found"
    assert "none of the usual parts" in page.text("resume")


def test_what_a_pdf_says_is_text_and_never_markup(
    page: UploadPage, doubled: ServiceClient, double: ParserDouble, resume_pdf: Path
) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    parsed_as(
        double, name=hostile, email="javascript:alert(1)", skills=[hostile, {"value": hostile}]
    )
    upload_done(page, doubled, resume_pdf)

    assert hostile in page.text("resume")
    assert page["resume"].find_elements(By.TAG_NAME, "img") == []
    [mail] = page["resume"].find_elements(By.TAG_NAME, "a")[:1]
    assert str(mail.get_attribute("href")).startswith("mailto:")
    assert page.browser.complaints() == []


def test_the_page_is_dark_for_who_likes_the_dark(page: UploadPage) -> None:
    background = "return getComputedStyle(document.documentElement).backgroundColor"
    page.open()
    light = page.browser.execute_script(background)
    page.browser.show_as(DESKTOP, dark=True)

    eventually(lambda: page.browser.execute_script(background) != light)


def test_without_javascript_the_page_says_what_it_needs(
    doubled: ServiceClient, tmp_path: Path
) -> None:
    with opened(tmp_path / "profile", languages="vi", scripts=False) as browser:
        browser.get(doubled.url)

        assert "JavaScript" in browser.find_element(By.CSS_SELECTOR, "noscript p").text
        assert not browser.find_element(By.ID, "choose").is_displayed()
