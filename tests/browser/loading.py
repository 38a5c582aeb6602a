"""What a page made the browser load, as the browser tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.browser.chromium import Browser
from tests.eventually import eventually

_LOADED = """
const [page] = performance.getEntriesByType("navigation");
// What it asks for later refreshes it.
const isPart = ({initiatorType, startTime}) =>
  initiatorType !== "fetch" || startTime < page.loadEventEnd;
const parts = performance.getEntriesByType("resource").filter(isPart);
return [page, ...parts].map((entry) => ({
  address: entry.name, kind: entry.initiatorType, blocks: entry.renderBlockingStatus,
  bytes: entry.transferSize,
}));
"""
#: Null until something was painted.
_PAINTED = """
const [paint] = performance.getEntriesByName("first-contentful-paint");
return document.readyState === "complete" && document.fonts.status === "loaded"
  ? paint?.startTime : null;
"""


@dataclass(frozen=True)
class Loaded:
    """A page, or something that it asked for."""

    address: str
    #: navigation, link, script, css, img, fetch, ...
    kind: str
    #: True when nothing is painted before it is there.
    blocks: bool
    #: As they were sent, with the answer's headers.
    bytes: int


def loaded(browser: Browser) -> Sequence[Loaded]:
    """Return all that the present page has loaded, itself first; what the cache gave is 0 bytes."""
    wait_for_paint(browser)
    entries: list[Mapping[str, Any]] = browser.execute_script(_LOADED)
    return [Loaded(**{**entry, "blocks": entry["blocks"] == "blocking"}) for entry in entries]


def wait_for_paint(browser: Browser) -> float:
    """Wait until the page is whole, and return when something of it was seen first, in ms."""
    return float(eventually(lambda: browser.execute_script(_PAINTED), within_s=30))
