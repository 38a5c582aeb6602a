"""Resident memory of a process tree, from /proc."""

import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path

_KIB_PER_MIB = 1024


@dataclasses.dataclass(frozen=True)
class Memory:
    """In MiB: `rss` counts pages that processes share once for each, `pss` once in all."""

    rss_mib: float
    pss_mib: float
    processes: int


def of_sessions(leaders: Iterable[int]) -> Memory:
    """Measure all processes of the sessions that `leaders` began."""
    wanted = set(leaders)
    parts = [_of_process(folder) for folder in _processes() if _session(folder) in wanted]
    alive = [part for part in parts if part]
    rss_kib = sum(part["Rss"] for part in alive)
    pss_kib = sum(part["Pss"] for part in alive)
    return Memory(rss_kib / _KIB_PER_MIB, pss_kib / _KIB_PER_MIB, len(alive))


def _processes() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))


def _session(process: Path) -> int:
    # Any process may end while we look.
    with contextlib.suppress(OSError):
        # After the name, which may hold anything: state, parent, group, session.
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    return 0


def _of_process(process: Path) -> dict[str, int]:
    with contextlib.suppress(OSError):
        lines = (process / "smaps_rollup").read_text().splitlines()[1:]
        return {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return {}
