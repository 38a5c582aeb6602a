"""What axe-core finds on the page that a browser shows: barriers for people with disabilities."""

from pathlib import Path
from typing import Any

from tests.browser.chromium import Browser
from tests.eventually import eventually

_AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text("utf-8")
_RUN = """
const [only, done] = arguments;
const failed = (error) => done([{id: "axe", help: String(error), nodes: []}]);
const options = {resultTypes: ["violations"], ...(only.length && {runOnly: only})};
axe.run(document, options).then(({violations}) => done(violations), failed);
"""


def violations(browser: Browser, *only: str) -> list[str]:
    """Return each finding on a line: the rule, what it asks for, and where.

    Without rules to look at only, those that axe-core has on.
    """
    eventually(browser.has_settled, within_s=30)  # a colour on its way is none to judge
    # By the debugger, not by a script element: the page's policy stays as strict as it is.
    browser.execute_script(_AXE)
    found: list[dict[str, Any]] = browser.execute_async_script(_RUN, only)
    return [
        f"{rule['id']}: {rule['help']}: {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"] or [{"target": "", "html": ""}]
    ]
