"""Tell in one line what this machine lacks to make .venv; run by the Makefile's own python3.

That may be an old one: nothing here is newer than Python 3.6, and nothing of ours is imported.
"""

import importlib.util
import shutil
import sys

_MIN_FREE_BYTES = 2 * 2**30


def main() -> None:
    """Exit with 1 and the line, or return."""
    if sys.version_info < (3, 11):  # noqa: UP036  # the point of this file
        sys.exit("make: this needs Python 3.11 or newer; have one? make PYTHON=/path/to/it ...")
    if not importlib.util.find_spec("ensurepip"):
        sys.exit("make: Python's venv is missing: apt-get install python3-venv")
    if shutil.disk_usage(".").free < _MIN_FREE_BYTES:
        sys.exit("make: less than 2 GiB of disk are free here: make room first")


if __name__ == "__main__":
    main()
