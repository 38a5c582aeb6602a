"""What the dashboard asks of the queue: how it is, its dead letters, its lanes, the breaker.

Where the queue does not answer, `QueueState` says None and the others raise
`QueueUnavailableError`; a page then says so.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from resumes.breaker import BreakerState


class QueueState(Protocol):
    """The queue at this moment; None where Kafka does not answer."""

    def lag(self) -> Sequence[tuple[str, int, int]] | None:
        """Return (topic, partition, records that wait)."""

    def workers(self) -> Sequence[Mapping[str, Any]] | None:
        """Return the workers that live, as each describes itself."""

    def dead_letters(self) -> tuple[int, int] | None:
        """Return how many there are, and how many of them nobody has handled."""


class Breaker(Protocol):
    """The circuit breaker before the parser."""

    def read(self) -> BreakerState:
        """Return its state."""


class RawRecord(Protocol):
    """A record as Kafka holds it."""

    @property
    def key(self) -> bytes | None:
        """Its key's bytes."""

    @property
    def value(self) -> bytes | None:
        """Its value's bytes."""


class DeadLetter(Protocol):
    """A record that was given up."""

    @property
    def letter_id(self) -> str:
        """Its place, `partition:offset`."""

    @property
    def record(self) -> RawRecord:
        """The record itself."""

    @property
    def headers(self) -> Mapping[str, str | int | None]:
        """The headers, readable."""

    @property
    def died_at(self) -> datetime:
        """When it was given up."""

    @property
    def original_topic(self) -> str | None:
        """Where it came from, if that is known."""

    @property
    def error_class(self) -> str:
        """The full name of the exception's class, if that is known."""

    @property
    def error(self) -> str:
        """What the exception said."""

    @property
    def replays(self) -> int:
        """How often it was put back."""

    @property
    def is_handled(self) -> bool:
        """True once somebody replayed or discarded it."""


class LettersBrowser(Protocol):
    """The dead letters."""

    def page(
        self, cursor: str | None, limit: int, *, unjobbed_only: bool
    ) -> tuple[Sequence[DeadLetter], str | None]:
        """Return some letters, the newest first; `unjobbed_only`: that belong to no job."""

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return one of them."""

    # Any: of the letters, a browser need take back only those of its own making.
    def job_of(self, letter: Any) -> str | None:
        """Return the job that one of its letters belongs to, if there is one."""

    def replay(self, letter_id: str) -> bool:
        """Put it back where it came from; False when it was handled, or can't go back."""

    def discard(self, letter_id: str) -> bool:
        """Give it up for good; False when it was handled."""


class Lane(Protocol):
    """A lane of the queue: whether workers take from it, and who changed that last."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def topic(self) -> str:
        """Where its records lie."""

    @property
    def is_paused(self) -> bool:
        """True while workers take nothing from it."""

    @property
    def by(self) -> str:
        """Who changed it last."""

    @property
    def reason(self) -> str:
        """And why."""

    @property
    def at(self) -> datetime | None:
        """And when; None: never."""


class Lanes(Protocol):
    """The lanes of the queue."""

    def all(self) -> Sequence[Lane]:
        """Return every lane."""

    def pause(self, name: str, operator: str, reason: str) -> bool:
        """Let no more tasks of it begin; False when it was paused."""

    def unpause(self, name: str, operator: str, reason: str) -> bool:
        """Let it go on; False when it was not paused."""
