"""A headless Chromium: what WebDriver lacks of it, and a fresh profile for whoever asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from devstack import chromium

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)
#: A light that breathes does so for ever.
_HAS_SETTLED = """
const ends = ({effect}) => effect.getTiming().iterations !== Infinity;
return document.fonts.status === "loaded" && !document.getAnimations().some(ends);
"""
#: What chromedriver says of an element whose page is being left just now.
_IS_LEFT = "does not belong to the document"
PHONE = (360, 740)
DESKTOP = (1100, 900)


class Browser(Chrome):
    """Chromium with the few things its protocol adds to WebDriver's."""

    @contextmanager
    def fresh_tab(self) -> Iterator[None]:
        """Work in a tab that knows nothing of the ones before: no storage, cookie or setting."""
        home = self.current_window_handle
        self.switch_to.new_window("tab")
        self.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "cookies,local_storage"}
        )
        self.show_as(DESKTOP)
        try:
            yield
        finally:
            self.close()
            self.switch_to.window(home)

    def show_as(self, size: tuple[int, int], *, dark: bool = False, scale: float = 1) -> None:
        """Lay pages out for a screen of `size` and a taste for the dark."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def has_settled(self) -> bool:
        """True when the fonts are there and no colour is on its way to another."""
        return bool(self.execute_script(_HAS_SETTLED))

    def keep_nothing(self) -> None:
        """Load everything anew with each page, as on a first visit."""
        self.execute_cdp_cmd("Network.enable", {})
        self.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})

    def block(self, *addresses: str) -> None:
        """Let requests to these address patterns fail; none lifts it."""
        self.execute_cdp_cmd("Network.enable", {})
        self.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(addresses)})

    def slow_down(self, upload_bytes_per_s: int) -> None:
        """Bound what leaves the browser; -1 lifts it."""
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
        self.execute_cdp_cmd("Network.enable", {})
        self.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {**limits, "uploadThroughput": upload_bytes_per_s}
        )

    def complaints(self) -> list[str]:
        """Return the console's errors and warnings since the last call: CSP, scripts, requests."""
        entries: list[dict[str, Any]] = self.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in {"SEVERE", "WARNING"}]


def is_gone(error: WebDriverException) -> bool:
    """Tell whether it says that an element is not there, or was taken away meanwhile."""
    gone = (NoSuchElementException, StaleElementReferenceException)
    return isinstance(error, gone) or _IS_LEFT in str(error)


@contextmanager
def opened(profile: Path, *, languages: str = "en", scripts: bool = True) -> Iterator[Browser]:
    """Start Chromium with an empty profile in `profile`; quit it on leaving."""
    browser_path, driver_path = chromium.find_or_install()
    options = ChromeOptions()
    options.binary_location = str(browser_path)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    preferences: dict[str, Any] = {"intl.accept_languages": languages}
    if not scripts:
        preferences["profile.managed_default_content_settings.javascript"] = 2
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Browser(options=options, service=Service(str(driver_path)))
    try:
        browser.show_as(DESKTOP)
        yield browser
    finally:
        browser.quit()
