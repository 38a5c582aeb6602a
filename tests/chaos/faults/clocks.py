"""F16: one process whose wall clock is an hour off, or jumps while it works.

By wrong_clock.c, preloaded into that process alone; its monotonic clock goes on as it is, as on a
machine whose time is set. (Debian 12's libfaketime makes each sleep of Python 3.11 fail.)
"""

import functools
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

COMPILER = "cc"
_SOURCE = Path(__file__).parents[1] / "wrong_clock.c"
_JUMP_S = 3600
_TIMESTAMP = re.compile(r'"timestamp": "([^"]+)"')
#: What a clock that nobody touched may differ by.
_RIGHT_WITHIN = timedelta(minutes=10)


def can_be_carried_out() -> bool:
    """Tell whether this machine has a C compiler."""
    return shutil.which(COMPILER) is not None


def _give_clock(name: str, site: Site) -> None:
    """Let the process read its clock's error from a file, which is none yet."""
    library = site.stack.folder / "wrong_clock.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE], check=True)
    _set(site, 0)
    site.stack.override(name, LD_PRELOAD=str(library), WRONG_CLOCK=str(_clock(site)))


def _set(site: Site, seconds: int) -> None:
    # In place: the process has mapped this file.
    with _clock(site).open("r+b" if _clock(site).exists() else "wb") as clock:
        clock.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def jump(name: str, site: Site, *, seconds: int) -> None:
    """Set the clock, let it be wrong to the end of the load, and set it right again."""
    _set(site, seconds)
    site.until_uploaded(0.9)
    _set(site, 0)
    wrong = sum(map(_is_wrong, (site.stack.folder / f"{name}.log").read_text().splitlines()))
    assert wrong, f"{name} logged no wrong time"
    site.prove(f"{wrong} lines of its log are dated an hour off")


def _is_wrong(line: str) -> bool:
    if not (found := _TIMESTAMP.search(line)):
        return False
    return abs(datetime.fromisoformat(found[1]) - datetime.now(UTC)) > _RIGHT_WITHIN


def _clock(site: Site) -> Path:
    return site.stack.folder / "clock"


SCENARIOS = tuple(
    Scenario(
        f"clock-{name.replace('.', '-')}-{'ahead' if seconds > 0 else 'behind'}",
        "F16",
        functools.partial(jump, name, seconds=seconds),
        prepare=functools.partial(_give_clock, name),
    )
    for name in ("web.1", "worker.1")
    for seconds in (_JUMP_S, -_JUMP_S)
)
