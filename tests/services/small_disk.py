"""A disk that can be full: a tmpfs of a few MiB, which only root may mount.

Stop the servers whose data is there before it is taken away.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devstack.errors import DevstackError

_BLOCK = bytes(64 * 1024)


class SmallDisk:
    """What is mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Take all the space that is left."""
        with self._filler.open("ab", buffering=0) as filler:
            try:
                while filler.write(_BLOCK):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path: Path, mib: int) -> Iterator[SmallDisk]:
    """Mount an empty disk of `mib` MiB at `path`; DevstackError unless we are root."""
    if os.geteuid():
        raise DevstackError("a small disk is a mount of its own: run this test as root")
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevstackError(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a server that is left on it by a failed test must not leave us the mount as well.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
