"""When each task was sent, began and ended: 32 bytes each in a file per process.

The file is mapped into memory, so that recording costs neither a system call nor the GIL, and what
was recorded outlives a `kill -9` of the process. Written by worker threads, read by the bench.
"""

import itertools
import mmap
import os
import struct
import time
from pathlib import Path
from typing import NamedTuple

_LAYOUT = struct.Struct("=4d")
_END = struct.Struct("=d")
_END_OFFSET = 24
#: Enough for the longest drain of one process; the file is sparse.
_CAPACITY = 2**18
_CHUNK = 1024
_SUFFIX = ".records"


class Record(NamedTuple):
    """One execution of a task; times are seconds since 1970, `ended_at` is 0 until it ends."""

    number: float
    sent_at: float
    started_at: float
    ended_at: float


class Recorder:
    """The file of this process; any thread may write."""

    def __init__(self, folder: Path) -> None:
        path = folder / f"{os.getpid()}{_SUFFIX}"
        with path.open("xb+") as file:
            file.truncate(_CAPACITY * _LAYOUT.size)
            self._map = mmap.mmap(file.fileno(), 0)
        self._offsets = itertools.count(0, _LAYOUT.size)

    def begin(self, number: int, sent_at: float) -> int:
        """Record that a task starts now; return what `end` wants."""
        offset = next(self._offsets)
        _LAYOUT.pack_into(self._map, offset, number, sent_at, time.time(), 0.0)
        return offset

    def end(self, offset: int) -> None:
        """Record that the task ends now."""
        _END.pack_into(self._map, offset + _END_OFFSET, time.time())


def read(folder: Path) -> dict[str, list[Record]]:
    """Return what was recorded in `folder` up to now, by process."""
    return {
        # A killed process may leave holes: slots that a thread took and never filled.
        path.stem: [r for r in map(Record._make, _LAYOUT.iter_unpack(path.read_bytes())) if r[2]]
        for path in folder.glob(f"*{_SUFFIX}")
    }


class Progress:
    """Counts records as they come; reads each only once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[Path, int] = {}

    def count(self) -> int:
        """Return how many executions have begun, warm-up tasks included."""
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with path.open("rb") as file:
                file.seek(self._positions.get(path, 0) * _LAYOUT.size)
                while filled := _count_filled(file.read(_CHUNK * _LAYOUT.size)):
                    self._positions[path] = self._positions.get(path, 0) + filled
                    file.seek(self._positions[path] * _LAYOUT.size)
        return sum(self._positions.values())


def _count_filled(data: bytes) -> int:
    return sum(1 for _ in itertools.takewhile(lambda r: r[2], _LAYOUT.iter_unpack(data)))
