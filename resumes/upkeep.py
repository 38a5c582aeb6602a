"""Use cases of the rescuer for operators' actions: what a crash, or Kafka's absence, left undone.

Each step is a compare-and-set or may be repeated, so any number of rescuers may do this.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resumes.operation_ports import OperationQueue

_OPERATIONS = 20
_LETTERS = 2_000


@dataclass(frozen=True)
class OverdueOperation:
    """An operation with which something should have happened at `due_at`."""

    id: str
    turn: int
    due_at: datetime


class OverdueOperations(Protocol):
    """Operations whose record may be lost. Every method may raise StoreUnavailableError."""

    def overdue(
        self, handled_until: datetime | None, *, grace_s: float, limit: int
    ) -> list[OverdueOperation]:
        """Return operations that were due before both `handled_until` and now, by `grace_s`."""

    def take_overdue(self, overdue: OverdueOperation) -> bool:
        """Make it due now, by compare-and-set; False when something happened to it."""


class WatchedOperationQueue(OperationQueue, Protocol):
    """The way to the workers, and how far they are."""

    def handled_until(self) -> datetime | None:
        """Return when the oldest record was published that is not done; None: all are.

        Raises QueueUnavailableError.
        """


@dataclass(frozen=True)
class ResendOperations:
    """Send operations whose record is lost, or whose runner died, as `RescueJobs` does jobs."""

    operations: OverdueOperations
    queue: WatchedOperationQueue
    grace_s: float

    def run_once(self) -> int:
        """Return how many were sent.

        Raises StoreUnavailableError, QueueUnavailableError or PublishFailedError.
        """
        sent = 0
        # Mostly there is nothing, and nothing to ask Kafka then.
        if not self.operations.overdue(None, grace_s=self.grace_s, limit=1):
            return sent
        handled_until = self.queue.handled_until()
        found = self.operations.overdue(handled_until, grace_s=self.grace_s, limit=_OPERATIONS)
        for overdue in found:
            if self.operations.take_overdue(overdue):
                self.queue.send(overdue.id, overdue.turn)
                sent += 1
        return sent


class ClosedLetters(Protocol):
    """Dead letters of jobs that were replayed or discarded since."""

    def page(self, after: str, limit: int) -> list[str]:
        """Return some letters behind `after`, in a fixed order."""

    def forget(self, letter_ids: Collection[str]) -> None:
        """Drop these from what is to be done."""


class LetterMarks(Protocol):
    """The dead letters on Kafka."""

    def mark_handled(self, letter_ids: Collection[str]) -> Collection[str]:
        """Note that these are dealt with; return those that can't be noted yet.

        Raises QueueUnavailableError.
        """


class CloseLetters:
    """Mark letters on Kafka as handled once their jobs went on; owned by one thread."""

    def __init__(self, closed: ClosedLetters, marks: LetterMarks) -> None:
        self._closed = closed
        self._marks = marks
        #: Those that can't be marked yet must not keep the rest from their turn.
        self._after = ""

    def run_once(self) -> int:
        """Return how many were marked; raise StoreUnavailableError or QueueUnavailableError."""
        letter_ids = self._closed.page(self._after, _LETTERS)
        self._after = letter_ids[-1] if len(letter_ids) == _LETTERS else ""
        if not letter_ids:
            return 0
        marked = set(letter_ids) - set(self._marks.mark_handled(letter_ids))
        self._closed.forget(marked)
        return len(marked)
