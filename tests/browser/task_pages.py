"""The pages of tasks as somebody has them before him who uses the keyboard alone."""

from collections.abc import Callable

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import Browser
from tests.eventually import eventually

_MAX_TABS = 100


class TaskPages:
    """Drives one tab; `url` is where the pages are mounted."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self._url = url

    def open(self, path: str = "/") -> None:
        self.browser.get(f"{self._url}{path}")

    def wait_for_heading(self, text: str) -> None:
        eventually(lambda: self._all("h1") == [text], within_s=30, why=f"the page “{text}”")

    def rows(self) -> list[str]:
        return self._all("tbody tr")

    def says(self, selector: str) -> str:
        return " ".join(self._all(selector))

    def follow(self, name: str) -> None:
        """Follow the link of this accessible name."""
        self._reach("a", lambda link: link.accessible_name == name).send_keys(Keys.ENTER)

    def tick(self, name: str) -> None:
        """Tick the box whose accessible name begins like this."""
        box = self._reach("[type=checkbox]", lambda box: box.accessible_name.startswith(name))
        box.send_keys(Keys.SPACE)

    def write(self, name: str, text: str) -> None:
        """Write into the field of this label."""
        self._reach("input", lambda field: field.accessible_name.startswith(name)).send_keys(text)

    def press(self, name: str) -> None:
        """Press the button of this accessible name."""
        self._reach("button", lambda button: button.accessible_name == name).send_keys(Keys.ENTER)

    def _reach(self, selector: str, is_wanted: Callable[[WebElement], bool]) -> WebElement:
        """Press Tab until the wanted element has the focus."""
        found = self.browser.find_elements(By.CSS_SELECTOR, f"main {selector}")
        wanted = next(element for element in found if is_wanted(element))
        for _ in range(_MAX_TABS):
            focused = self.browser.switch_to.active_element
            if focused == wanted:
                return wanted
            focused.send_keys(Keys.TAB)
        raise AssertionError(f"The keyboard does not lead to {wanted.accessible_name}.")

    def _all(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return [" ".join(text.split()) for text in self.browser.execute_script(script, selector)]
