"""A lock for critical sections of microseconds that many threads enter.

Whoever waits for a `threading.Lock` is given it while he does not have the GIL. The thread that has
the GIL wants the lock next, finds it taken and must give the GIL up: a convoy. With eight threads
and small tasks a worker changed threads five times for each task, and was three times as slow as
with one thread. Here the lock is only ever taken with the GIL in hand, and a thread that finds it
taken lets the others run, among them the one that has it.

dramatiq throws exceptions into threads at any place (TimeLimitExceeded, Shutdown). The lock knows
its holder from the very instruction that takes it: an interrupted `with` gives it back, a thread
that was interrupted while giving it back may take it again, and of a dead thread it is taken.
"""

import sys
import threading
import time
from threading import get_ident

#: Changes of threads until the holder of the lock is suspected to be dead.
_PATIENCE = 10_000


class YieldingLock:
    """Neither fair nor reentrant. Use it with `with`, or as the lock of a `YieldingCondition`."""

    __slots__ = ("_holder",)

    def __init__(self) -> None:
        # Empty, or the one holder: `setdefault` is one step for all threads.
        self._holder: dict[None, int] = {}

    def __enter__(self) -> None:
        me = get_ident()
        try:
            if self._holder.setdefault(None, me) != me:
                self._wait_for(me)
        except BaseException:
            self._give_back(me)
            raise

    def __exit__(self, *_: object) -> None:
        self._holder.clear()

    def acquire(self, blocking: bool = True) -> bool:  # noqa: FBT001, FBT002 - as threading's
        """Take the lock; False when it is taken and `blocking` is False."""
        me = get_ident()
        if self._holder.setdefault(None, me) == me:
            return True
        if blocking:
            self._wait_for(me)
        return blocking

    def release(self) -> None:
        """Give the lock back."""
        self._holder.clear()

    def _is_owned(self) -> bool:
        """Tell a Condition whether this thread has the lock."""
        return self._holder.get(None) == get_ident()

    def _wait_for(self, me: int) -> None:
        changes = 0
        while (holder := self._holder.setdefault(None, me)) != me:
            changes += 1
            if changes % _PATIENCE == 0 and holder not in sys._current_frames():  # noqa: SLF001
                self._give_back(holder)
            # Nothing but "let others run".
            time.sleep(0)

    def _give_back(self, holder: int) -> None:
        if self._holder.get(None) == holder:
            self._holder.clear()


class YieldingCondition(threading.Condition):
    """A condition on a YieldingLock."""

    def __init__(self, lock: YieldingLock | None = None) -> None:
        lock = lock or YieldingLock()
        super().__init__(lock)  # type: ignore[arg-type] # what it needs of a lock is there
        self._yielding = lock

    # Not inherited: those are a call more, in which an exception that is thrown would be fatal.

    def __enter__(self) -> bool:
        me = get_ident()
        lock = self._yielding
        try:
            if lock._holder.setdefault(None, me) != me:  # noqa: SLF001 - of this module
                lock._wait_for(me)  # noqa: SLF001
        except BaseException:
            lock._give_back(me)  # noqa: SLF001
            raise
        return True

    def __exit__(self, *_: object) -> None:
        self._yielding._holder.clear()  # noqa: SLF001
