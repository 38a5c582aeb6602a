"""What axe-core finds on the page that a browser shows: barriers for people with disabilities."""

from pathlib import Path
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver

_AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text("utf-8")
_RUN = """
const done = arguments[arguments.length - 1];
const failed = (error) => done([{id: "axe", help: String(error), nodes: []}]);
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(violations), failed);
"""


def violations(browser: WebDriver) -> list[str]:
    """Return each finding on a line: the rule, what it asks for, and where."""
    # By the debugger, not by a script element: the page's policy stays as strict as it is.
    browser.execute_script(_AXE)
    found: list[dict[str, Any]] = browser.execute_async_script(_RUN)
    return [
        f"{rule['id']}: {rule['help']}: {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"] or [{"target": "", "html": ""}]
    ]
