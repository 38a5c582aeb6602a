"""Where downloads are kept: outside the repository, shared by all clones of it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_dir() -> Path:
    """Return our cache directory, made if need be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "resume-service"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Make downloads of several processes take turns, so that no one reads half a file."""
    with (cache_dir() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
