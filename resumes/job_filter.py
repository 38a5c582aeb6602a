"""Which jobs an operator means: a value that pages, addresses, the API and commands share. Pure.

It is written into an address and read back without loss, so a filter is never lost on the way from
a list to an action.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from resumes.job import is_object_id

_MAX_TEXT_LENGTH = 200
_MAX_IDS = 1000


class JobState(StrEnum):
    """What an operator sees: the statuses, some of them told apart further."""

    #: Waits for its first attempt, or its record is on its way.
    PENDING = "pending"
    #: Waits for its next attempt (status pending).
    RETRYING = "retrying"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    #: Its user took it back (status failed): no failure of anybody's.
    CANCELLED = "cancelled"
    #: An operator gave it up for good (status failed); its file is gone.
    DISCARDED = "discarded"


class FilterError(ValueError):
    """A condition that can't be read; the text says which and what it takes."""


class FilterTooBroadError(FilterError):
    """Too many jobs would have to be looked through."""

    def __init__(self) -> None:
        super().__init__(
            "error_text: too many jobs would have to be searched for this; add an error code, "
            "a user, a state or a shorter time"
        )


class CursorError(FilterError):
    """A place in a list that no page named."""

    def __init__(self) -> None:
        super().__init__("cursor: what the page before called its next")


@dataclass(frozen=True)
class JobFilter:
    """Jobs that fulfil every condition that is given."""

    state: JobState | None = None
    error_code: str = ""
    #: A part of the error message, whatever the case of its letters.
    error_text: str = ""
    user_id: str = ""
    #: Uploaded from `since` on, before `until`.
    since: datetime | None = None
    until: datetime | None = None
    min_attempts: int | None = None
    #: These jobs only: named by a person, or the selected rows.
    job_ids: frozenset[str] = frozenset()

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> "JobFilter":
        """Read what `to_values` wrote, or a person; names that are no condition are passed over.

        Raises FilterError.
        """
        given = {name: values[name].strip() for name in _READERS if values.get(name, "").strip()}
        return cls(**{name: _read(name, text) for name, text in given.items()})

    def to_values(self) -> dict[str, str]:
        """Return the given conditions as text, for an address, a form or a document."""
        return {f.name: _text(value) for f in fields(self) if (value := getattr(self, f.name))}

    def with_(self, **conditions: Any) -> "JobFilter":
        """Return the same filter with these conditions in place of its own."""
        return replace(self, **conditions)

    def in_words(self) -> str:
        """Return the filter as a person would say it, for a confirmation."""
        noun = "job" if len(self.job_ids) == 1 else "jobs"
        words = [
            f"{len(self.job_ids)} selected" if self.job_ids else "all",
            f"{self.state} {noun}" if self.state else noun,
            *([f"with the error {self.error_code}"] if self.error_code else []),
            *([f"whose error says “{self.error_text}”"] if self.error_text else []),
            *([f"of the user {self.user_id}"] if self.user_id else []),
            *([f"uploaded since {_minute(self.since)}"] if self.since else []),
            *([f"uploaded before {_minute(self.until)}"] if self.until else []),
            *([f"after {self.min_attempts} or more attempts"] if self.min_attempts else []),
        ]
        return " ".join(words)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _read(name: str, text: str) -> Any:
    try:
        return _READERS[name](text)
    except FilterError as error:
        raise FilterError(f"{name}: {error}") from None


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return str(value)


def _state(text: str) -> JobState:
    try:
        return JobState(text)
    except ValueError:
        raise FilterError(f"one of {', '.join(JobState)}") from None


def _short(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > _MAX_TEXT_LENGTH:
        raise FilterError(f"at most {_MAX_TEXT_LENGTH} characters")
    if not words.isprintable():
        # Databases and addresses do not take all of them.
        raise FilterError("text without control characters")
    return words


def _id(text: str) -> str:
    if not is_object_id(text):
        raise FilterError("24 lower-case hexadecimal digits")
    return text


def _ids(text: str) -> frozenset[str]:
    ids = frozenset(_id(part) for part in text.replace(",", " ").split())
    if len(ids) > _MAX_IDS:
        raise FilterError(f"at most {_MAX_IDS} jobs can be named one by one")
    return ids


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FilterError("a time, written as 2026-11-25T08:00, in UTC") from None


def _count(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) < 6):  # noqa: PLR2004 - far beyond any
        raise FilterError("a number")
    return int(text) or None


_READERS: dict[str, Callable[[str], Any]] = {
    "state": _state,
    "error_code": _short,
    "error_text": _short,
    "user_id": _id,
    "since": _moment,
    "until": _moment,
    "min_attempts": _count,
    "job_ids": _ids,
}
