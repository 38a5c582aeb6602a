"""The upload page as its reader sees it: what stands there, and what he can do."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import Browser, is_gone
from tests.eventually import eventually
from tests.services.client import TestUser

_DROP_OR_PASTE = """
const transfer = new DataTransfer();
for (const name of arguments[1]) transfer.items.add(new File(["%PDF-1.7"], name));
const options = { bubbles: true, dataTransfer: transfer, clipboardData: transfer };
const kind = { drop: DragEvent, paste: ClipboardEvent }[arguments[0]];
document.body.dispatchEvent(new kind(arguments[0], options));
"""
#: The page keeps what its status region said, since it says each thing once.
_KEEP_ANNOUNCEMENTS = """
window.announced = [];
new MutationObserver(() => window.announced.push(document.getElementById("announcer").textContent))
  .observe(document.getElementById("announcer"), { childList: true });
"""
#: What the page says of its link to the server may stand there for a moment only.
_KEEP_LINKS = """
window.links = [];
new MutationObserver(() => window.links.push(document.getElementById("link")?.innerText))
  .observe(document.documentElement, { attributeFilter: ["data-link"] });
"""
_LOSE_NEXT_ANSWER = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
  XMLHttpRequest.prototype.send = send;
  this.onload = this.onerror;
  this.send(body);
};
"""
_WITHIN_S = 30

T = TypeVar("T")


class UploadPage:
    """`/` in a browser. It is made anew while it is looked at: what is not there does not show."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, query: str = "") -> None:
        self.browser.get(f"{self.url}/{query}")

    def sign_in(self, user: TestUser, query: str = "") -> None:
        self.open(f"{query}#token={user.token}")
        self.wait_for("choose")

    def __getitem__(self, element_id: str) -> WebElement:
        return self.browser.find_element(By.ID, element_id)

    def shown(self, element_id: str) -> WebElement | None:
        def find() -> WebElement | None:
            element = self[element_id]
            return element if element.is_displayed() else None

        return _unless_gone(find, None)

    def shows(self, element_id: str) -> bool:
        return self.shown(element_id) is not None

    def wait_for(self, element_id: str, *, within_s: float = _WITHIN_S) -> WebElement:
        found = eventually(
            lambda: self.shown(element_id), within_s=within_s, why=f"#{element_id} shows"
        )
        assert found is not None
        return found

    def text(self, element_id: str) -> str:
        return _unless_gone(lambda: self[element_id].text, "")

    def accessible_name(self, element_id: str) -> str:
        return _unless_gone(lambda: str(self[element_id].accessible_name), "")

    def focused(self, attribute: str) -> str | None:
        return _unless_gone(
            lambda: self.browser.switch_to.active_element.get_attribute(attribute), None
        )

    @property
    def focused_id(self) -> str | None:
        return self.focused("id")

    @property
    def job_id(self) -> str:
        return str(
            self.browser.execute_script("return new URL(location).searchParams.get('job') ?? ''")
        )

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def tab_to(self, value: str, attribute: str = "id") -> None:
        """Press Tab until such an element has the focus, as far as a reader would."""
        for _ in range(25):
            if self.focused(attribute) == value:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"Tab does not lead to {value}; it is at {self.focused(attribute)}")

    def choose(self, file: Path) -> None:
        self["file"].send_keys(str(file))

    def drop_or_paste(self, action: str, *names: str) -> None:
        """Act as the system does when files are dropped on the page, or pasted into it."""
        self.browser.execute_script(_DROP_OR_PASTE, action, names)

    def upload(self, file: Path) -> None:
        self.choose(file)
        self.wait_for("submit").click()

    def step_state(self, step: str) -> str | None:
        script = "return document.querySelector(arguments[0])?.dataset.state"
        state: str | None = self.browser.execute_script(script, f"[data-step={step}]")
        return state

    def wait_for_step(self, step: str) -> None:
        eventually(
            lambda: self.step_state(step) == "current", within_s=_WITHIN_S, why=f"step {step}"
        )

    def wait_for_link(self, text: str) -> None:
        """Wait until the page says so of its link to the server."""
        eventually(lambda: self.text("link") == text, within_s=_WITHIN_S, why=f"link: {text}")

    def wait_for_answers(self) -> None:
        """Wait until htmx has the answer to all that it asked for."""
        script = "return !document.querySelector('.htmx-request')"
        eventually(lambda: self.browser.execute_script(script), within_s=_WITHIN_S)

    def sent_percent(self) -> int:
        """Return how far the bar of an upload is; 0 where there is none."""
        script = "return document.getElementById('progress')?.value ?? 0"
        return int(self.browser.execute_script(script))

    def lose_next_answer(self) -> None:
        """Let the next upload reach the service, and its answer get lost on the way back."""
        self.browser.execute_script(_LOSE_NEXT_ANSWER)

    def sticks_out(self) -> bool:
        """True when something is wider than the screen."""
        script = "return document.documentElement.scrollWidth > innerWidth"
        return bool(self.browser.execute_script(script))

    def requests_of(self, path: str) -> int:
        """Count the requests that the page has made to `path`."""
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return sum(path in address for address in self.browser.execute_script(script))

    def would_ask_before_leaving(self) -> bool:
        script = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
        return bool(self.browser.execute_script(script))

    def keep_announcements(self) -> None:
        self.browser.execute_script(_KEEP_ANNOUNCEMENTS)

    def announcements(self) -> list[str]:
        return list(self.browser.execute_script("return window.announced"))

    def keep_links(self) -> None:
        self.browser.execute_script(_KEEP_LINKS)

    def links(self) -> list[str]:
        return list(self.browser.execute_script("return window.links"))


def _unless_gone(read: Callable[[], T], otherwise: T) -> T:
    try:
        return read()
    except WebDriverException as error:
        if is_gone(error):
            return otherwise
        raise
