"""One dead letter: what its record says, which letters a person means, and its way back.

The reading side of `dead_letters.py`; it also reads letters of other programs that write Spring's
headers, and records without any. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from . import codec, dead_letters
from .codec import IncomingRecord, OutgoingRecord

#: How often a letter was put back; a replay keeps it, and so does the next death.
REPLAYS = "dramatiq-replays"

_NUMBERS = frozenset(
    {
        dead_letters.ORIGINAL_PARTITION,
        dead_letters.ORIGINAL_OFFSET,
        dead_letters.ORIGINAL_TIMESTAMP,
    }
)
#: What retries leave in a message's options: a replay begins with a new budget of attempts.
_OPTIONS_OF_ATTEMPTS = ("retries", "requeue_timestamp", "traceback")


@dataclass(frozen=True)
class Letter:
    """A record of a dead-letter topic."""

    record: IncomingRecord
    #: The queue it died in; None when its headers name no topic that is known.
    queue: str | None
    #: True once it was replayed or discarded.
    is_handled: bool

    @property
    def letter_id(self) -> str:
        """Its place, `partition:offset`."""
        return f"{self.record.partition}:{self.record.offset}"

    @cached_property
    def headers(self) -> dict[str, str | int | None]:
        """Every header as text, or as a number where Spring writes one; bytes as 0x..."""
        return {name: _readable(name, value) for name, value in self.record.headers}

    @property
    def message_id(self) -> str | None:
        """The message's id, or the place of a record that was none."""
        return self._text(codec.MESSAGE_ID)

    @property
    def actor(self) -> str | None:
        """The task that it was for."""
        return self._text(codec.ACTOR)

    @property
    def key(self) -> str | None:
        """The record's key."""
        return readable_bytes(self.record.key)

    @property
    def error_class(self) -> str:
        """The full name of the exception's class; empty when no header says so."""
        return self._text(dead_letters.EXCEPTION_FQCN) or ""

    @property
    def error(self) -> str:
        """What the exception said."""
        return self._text(dead_letters.EXCEPTION_MESSAGE) or ""

    @property
    def original_topic(self) -> str | None:
        """Where it died first."""
        return self._text(dead_letters.ORIGINAL_TOPIC)

    @property
    def died_at(self) -> datetime:
        """When it was written to the dead-letter topic."""
        return datetime.fromtimestamp(self.record.timestamp / 1000, UTC)

    @property
    def replays(self) -> int:
        """How often it was put back already."""
        text = self._text(REPLAYS) or ""
        return int(text) if text.isascii() and text.isdigit() else 0

    def _text(self, name: str) -> str | None:
        value = self.headers.get(name)
        return None if value is None else str(value)


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are meant: those that fulfil every condition that is given."""

    #: Places, `partition:offset`. Nothing else is read then.
    letter_ids: frozenset[str] = frozenset()
    queue: str | None = None
    actor: str | None = None
    #: With or without its module.
    error_class: str | None = None
    message_id: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: When it died: from `since` on, before `until`.
    since: datetime | None = None
    until: datetime | None = None
    #: True: those that were replayed or discarded as well.
    include_handled: bool = False

    def matches(self, letter: Letter) -> bool:
        """True when this letter is meant; places and `include_handled` are the reader's part."""
        conditions = (
            (self.queue, letter.queue),
            (self.actor, letter.actor),
            (self.message_id, letter.message_id),
            (self.key, letter.key),
            *((value, str(letter.headers.get(name))) for name, value in self.headers.items()),
        )
        return (
            all(wanted is None or wanted == actual for wanted, actual in conditions)
            and self._matches_error(letter.error_class)
            and (self.since is None or self.since <= letter.died_at)
            and (self.until is None or letter.died_at < self.until)
        )

    def _matches_error(self, error_class: str) -> bool:
        if self.error_class is None:
            return True
        return self.error_class in (error_class, error_class.rpartition(".")[2])


def replayed(letter: Letter, topic: str) -> OutgoingRecord:
    """Return the record that puts a letter back: its key, value and envelope, with its origin.

    The origin stays so that its next death is told as one of the same record.
    """
    dropped = dead_letters.REASON_HEADERS | {REPLAYS}
    headers = [
        (name, _without_attempts(value or b"") if name == codec.OPTIONS else value or b"")
        for name, value in letter.record.headers
        if name not in dropped
    ]
    record = letter.record
    return OutgoingRecord(
        topic=topic,
        key=record.key,
        # kafka-python sends no record without key and value, although Kafka itself would.
        value=b"" if record.key is None and record.value is None else record.value,
        headers=[*headers, (REPLAYS, str(letter.replays + 1).encode())],
    )


def readable_bytes(data: bytes | None) -> str | None:
    """Return text as it is, and what is no text as 0x and hexadecimal digits."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


def _readable(name: str, value: bytes | None) -> str | int | None:
    if value is not None and name in _NUMBERS:
        return int.from_bytes(value, "big", signed=True)
    return readable_bytes(value)


def _without_attempts(data: bytes) -> bytes:
    try:
        options: Any = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(options, dict) or not any(name in options for name in _OPTIONS_OF_ATTEMPTS):
        return data
    kept = {name: value for name, value in options.items() if name not in _OPTIONS_OF_ATTEMPTS}
    return json.dumps(kept, separators=(",", ":")).encode()
