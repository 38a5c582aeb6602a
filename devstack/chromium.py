"""A real Chromium and its driver for the browser tests: find them, or have apt-get install them.

`python -m devstack.chromium` does so ahead of the tests, and says in one line what is missing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from devstack.errors import DevstackError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DRIVER = "chromedriver"
_PACKAGES = ("chromium", "chromium-driver")


def find_or_install() -> tuple[Path, Path]:
    """Return the paths of the browser and of its driver."""
    found = _find()
    if not found:
        _install()
        found = _find()
    if not found:
        raise DevstackError(f"no Chromium: apt-get install {' '.join(_PACKAGES)}")
    return found


def _find() -> tuple[Path, Path] | None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which(_DRIVER)
    return (Path(browser), Path(driver)) if browser and driver else None


def _install() -> None:
    """Install Debian's packages where that takes no password; leave it to the person otherwise."""
    if not shutil.which("apt-get"):
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if as_root and not shutil.which(as_root[0]):
        return
    print("installing Chromium with apt-get ...", flush=True)
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"]
    install = [*apt_get, "install", "--yes", "--no-install-recommends", *_PACKAGES]
    for command in ([*apt_get, "update"], install):
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    try:
        find_or_install()
    except DevstackError as error:
        sys.exit(f"make test: {error}")
