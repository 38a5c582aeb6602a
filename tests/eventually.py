"""The only waiting helper of the tests: poll a claim until it holds or its deadline passes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_INTERVAL_S = 0.05


def eventually(check: Callable[[], T], *, within_s: float = 10, why: str = "") -> T:
    """Return the first truthy result of `check`; raise AssertionError after `within_s` seconds.

    An AssertionError inside `check` counts as "not yet"; the failure shows the last one.
    """
    deadline = time.monotonic() + within_s
    last: object = None
    while True:
        try:
            last = check()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not so within {within_s} s: {why or check!r}; last: {last!r}")
        time.sleep(_POLL_INTERVAL_S)
