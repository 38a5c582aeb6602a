"""What one worker thread notes of its tasks: its numbers, and which runs are worth keeping.

Written by that thread alone; the recorder's thread reads it, and empties what it has read. Should
both be at it in the same moment, a run that was worth keeping is not kept.
"""

from dramatiq import MessageProxy

from ..dead_letters import readable_reason, readable_stack
from .journal import Ended
from .tally import Key, Tally, new_tally

#: Single successes kept each second: the slowest, and as many others.
MAX_SUCCESSES = 3


class Notes:
    """Of one thread."""

    __slots__ = ("began_at", "failure", "latest", "slowest", "tallies", "tally")

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], tuple[Key, Tally]] = {}
        self.tally: Tally = new_tally()
        self.began_at = 0.0
        #: Of the task that ends now, until it is known what becomes of it.
        self.failure: Ended | None = None
        #: Since the recorder looked last: (seconds, when, message).
        self.slowest: tuple[float, float, MessageProxy] | None = None
        self.latest: tuple[float, float, MessageProxy] | None = None


def failed(message: MessageProxy, exception: BaseException, took_s: float, now: float) -> Ended:
    """Say how a task raised, while its exception is at hand."""
    error = f"{type(exception).__qualname__}: {readable_reason(exception)}"
    stack = readable_stack(exception)
    return Ended(message, "failed", _attempt(message), took_s, now, error, stack)


def _attempt(message: MessageProxy) -> int:
    retries = message.options.get("retries", 0)
    return retries + 1 if isinstance(retries, int) else 1


def notable(threads: list[Notes]) -> list[Ended]:
    """Choose among the successes of the threads, and begin anew."""
    slowest = [run for mine in threads if (run := mine.slowest) is not None]
    latest = [run for mine in threads if (run := mine.latest) is not None]
    for mine in threads:
        mine.slowest = mine.latest = None
    slowest.sort(key=lambda run: -run[0])
    chosen = {id(run): run for run in slowest[:MAX_SUCCESSES] + latest[:MAX_SUCCESSES]}
    return [
        Ended(message, "succeeded", _attempt(message), took_s, at)
        for took_s, at, message in chosen.values()
    ]
