"""The dashboard as an operator has it before him: pages, figures, rows, buttons."""

from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import NoSuchElementException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import Browser, is_gone
from tests.eventually import eventually

_MAX_TABS = 200
_WITHIN_S = 30

T = TypeVar("T")


class DashboardPages:
    """Drives one tab; `url` is the site's."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self._url = url.rstrip("/")

    def open(self, path: str = "") -> None:
        """Go to a page below /dashboard."""
        self.browser.get(f"{self._url}/dashboard{path}")

    @property
    def live_text(self) -> str:
        """What the part of the page that refreshes itself says now."""
        return _steady(
            lambda: " ".join(part for one in self._all("#live") for part in one.text.split())
        )

    def figure(self, name: str) -> str:
        """Return a figure of the overview."""

        def read() -> str:
            for figure in self._all(".figure"):
                if figure.find_element(By.TAG_NAME, "dt").text == name:
                    return figure.find_element(By.TAG_NAME, "dd").text.split()[0]
            raise AssertionError(f"There is no figure “{name}”.")

        return _steady(read)

    def rows(self) -> list[str]:
        """Return the rows of the page's table."""
        return _steady(lambda: [row.text for row in self._all(".rows tbody tr")])

    def tick(self, *numbers: int) -> None:
        """Tick rows by their number from 0."""
        boxes = self._all("[name=job_id]")
        for number in numbers:
            boxes[number].click()

    def press_button(self, text: str) -> None:
        """Press the button that begins with this text."""
        self._button(text).click()

    def press_by_keyboard(self, text: str) -> None:
        """Reach the button with the tab key alone, and press it."""
        wanted = self._button(text)
        for _ in range(_MAX_TABS):
            if self.browser.switch_to.active_element == wanted:
                wanted.send_keys(Keys.ENTER)
                return
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
        raise AssertionError(f"The keyboard does not lead to the button “{text}”.")

    def fill(self, name: str, text: str) -> None:
        """Write into a field."""
        field = self._one(f"#live [name={name}]")
        field.clear()
        field.send_keys(text)

    def follow(self, text: str) -> None:
        """Click a link by its text."""
        self.browser.find_element(By.PARTIAL_LINK_TEXT, text).click()

    def wait_for_text(self, text: str) -> None:
        """Wait until the live part says it."""
        eventually(
            lambda: text in self.live_text, within_s=_WITHIN_S, why=f"the page says {text!r}"
        )

    def wait_for_figure(self, name: str, value: str) -> None:
        """Wait until the overview has this figure."""
        eventually(lambda: self.figure(name) == value, within_s=_WITHIN_S, why=f"{name} is {value}")

    def wait_for_live_state(self, state: str) -> None:
        """Wait until the switch in the header says so."""
        eventually(lambda: self.live_state == state, within_s=_WITHIN_S, why=f"it is {state}")

    def wait_for_page(self, heading: str) -> None:
        """Wait until the page of this heading is there."""
        eventually(
            lambda: _steady(lambda: [one.text for one in self._all("h1")]) == [heading],
            within_s=_WITHIN_S,
            why=f"the page “{heading}”",
        )

    @property
    def live_state(self) -> str:
        """live, paused or lost, as the switch in the header says."""
        return self._one("#live-switch").get_attribute("data-state") or ""

    @property
    def icon(self) -> str:
        return self._one("#icon").get_attribute("href") or ""

    def _button(self, text: str) -> WebElement:
        def find() -> list[WebElement]:
            buttons = [one for one in self._all("button") if one.is_displayed()]
            return [one for one in buttons if one.text.startswith(text)]

        return eventually(lambda: _steady(find), within_s=_WITHIN_S, why=f"the button {text}")[0]

    def _one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def _all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)


def _steady(read: Callable[[], T]) -> T:
    """Read again when a refresh, or the next page, took the elements away meanwhile."""
    while True:
        try:
            return read()
        except WebDriverException as error:
            if isinstance(error, NoSuchElementException) or not is_gone(error):
                raise
