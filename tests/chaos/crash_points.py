"""Crash a process at a named point of its work: test code that the crashing entries call.

`CRASH_AT` names the point; in `CRASH_FOLDER` the crashes of all processes are counted, so that
there are `CRASH_TIMES` of them and no more.
"""

import itertools
import os
import threading
from pathlib import Path

WORKER_POINTS = (
    "after_poll",
    "after_claim",
    "mid_parse",
    "before_complete",
    "after_complete",
    "before_fail",
    "after_fail_before_dead_letter",
    "after_dead_letter_before_ack",
    "after_release_before_retry_publish",
)
WEB_POINTS = ("after_insert_before_publish", "after_publish_before_answer")

#: What the shell says of a process that `kill -9` ended.
_KILLED = 137
#: Which pass of the point is the last one of a process: not its first, which comes at the start.
_PASS = 3


class CrashFiles:
    """How a scenario and the processes that crash count together."""

    def __init__(self, folder: Path) -> None:
        self._base = folder
        self._folder = folder / "crashes"

    def env(self, point: str, *, crashes: int) -> dict[str, str]:
        """Return what makes the crashing entries crash at the point, so often in all."""
        return {
            "CRASH_AT": point,
            "CRASH_TIMES": str(crashes),
            "CRASH_FOLDER": str(self._base),
        }

    def crashes(self) -> int:
        """Return how often a process has crashed."""
        return len(list(self._folder.glob("*"))) if self._folder.exists() else 0

    def forbid(self) -> None:
        """Let there be no more of them."""
        (self._base / "no-crashes").touch()

    def take_turn(self, times: int) -> bool:
        """Count one crash more; False when there were enough."""
        if (self._base / "no-crashes").exists():
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(times):
            try:
                (self._folder / str(number)).open("x").close()
            except FileExistsError:
                continue
            return True
        return False


class CrashPoint:
    """The point at which this process is to crash, if any."""

    def __init__(self) -> None:
        self._name = os.environ.get("CRASH_AT", "")
        self._times = int(os.environ.get("CRASH_TIMES", "0"))
        self._files = CrashFiles(Path(os.environ.get("CRASH_FOLDER", "")))
        self._passes = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        """Pass the point; do not come back where it is the one."""
        if name != self._name:
            return
        with self._lock:
            if next(self._passes) >= _PASS and self._files.take_turn(self._times):
                os._exit(_KILLED)
