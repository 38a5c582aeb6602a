"""F16: one process whose wall clock is an hour off, or jumps while it works.

By libfaketime (Debian's package `libfaketime`), preloaded into that process alone; its monotonic
clock goes on as it is, as on a machine whose time is set.
"""

import contextlib
import functools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import debian
from bench.errors import BenchError
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_JUMP_S = 3600
_TIMESTAMP = re.compile(r'"timestamp": "([^"]+)"')
#: What a clock that nobody touched may differ by.
_RIGHT_WITHIN = timedelta(minutes=10)


def find_or_install() -> bool:
    """Tell whether libfaketime is here, having apt-get install it where that takes no password."""
    with contextlib.suppress(BenchError):
        debian.find_or_install("faketime", package="faketime")
    return LIBRARY.exists()


def _fake_clock(name: str, site: Site) -> None:
    """Let the process read its clock's error from a file, which is empty of it yet."""
    _clock(site).write_text("+0")
    site.stack.override(
        name,
        LD_PRELOAD=str(LIBRARY),
        FAKETIME_TIMESTAMP_FILE=str(_clock(site)),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


def jump(name: str, site: Site, *, seconds: int) -> None:
    """Set the clock, let it be wrong to the end of the load, and set it right again."""
    _clock(site).write_text(f"{seconds:+d}")
    site.until_uploaded(0.9)
    _clock(site).write_text("+0")
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
        prepare=functools.partial(_fake_clock, name),
    )
    for name in ("web.1", "worker.1")
    for seconds in (_JUMP_S, -_JUMP_S)
)
