"""Wait for something that another process writes to MongoDB, by asking for it again and again.

A change stream would need a cursor for every waiter, and is no faster than the first looks here.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: A look comes late by a twentieth of the time waited so far, within these bounds.
_PAUSE_OF_WAITED = 0.05
_MIN_PAUSE_S = 0.002
_MAX_PAUSE_S = 0.05


def poll(look: Callable[[], T | None], *, timeout_s: float | None) -> T | None:
    """Return the first result of `look` that is not None, or None after `timeout_s` (None: never).

    It looks at least once, and a last time when the timeout is over.
    """
    began = time.monotonic()
    while (found := look()) is None:
        waited_s = time.monotonic() - began
        pause_s = min(max(waited_s * _PAUSE_OF_WAITED, _MIN_PAUSE_S), _MAX_PAUSE_S)
        if timeout_s is not None:
            if waited_s >= timeout_s:
                return None
            pause_s = min(pause_s, timeout_s - waited_s)
        time.sleep(pause_s)
    return found
