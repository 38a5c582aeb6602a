"""Use case: a user corrects, field by field, what the parser understood of his resume.

A correction names fields of the stored `resume_detail` and gives them new values; of `education`
and `experience`, which are objects, it may give some of the members. What is given is tidied first
(white space, control characters), so that the same text is the same value however it was typed.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from resumes.errors import ResumeError

_MANY_LINES = re.compile(r"\n{3,}")
#: Loose on purpose: what is refused wrongly annoys, what looks odd is only pointed out.
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"(?:[\s().+/\-]*\d){6,15}[\s().\-]*")


class CorrectionInvalidError(ResumeError):
    """A field that there is not, a value of the wrong type or one that is too long."""

    code = "correction_invalid"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field or 'the correction'}: {why}")
        self.field = field


class ResumeChangedError(ResumeError):
    """The correction was made from an older version; `version` is the present one."""

    code = "resume_changed"
    advice = "The resume has been changed meanwhile. Look at its present version, then try again."

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version


@dataclass(frozen=True)
class Text:
    """A text; one line of it unless `is_long`."""

    max_length: int
    is_long: bool = False

    def read(self, field: str, value: object) -> str:
        """Return the text tidied; CorrectionInvalidError for what is none."""
        if not isinstance(value, str):
            raise CorrectionInvalidError(field, "give a text")
        text = _tidy(value, keeps_lines=self.is_long)
        if len(text) > self.max_length:
            raise CorrectionInvalidError(field, f"at most {self.max_length} characters")
        return text


@dataclass(frozen=True)
class Texts:
    """A list of lines; empty ones are left out."""

    max_length: int
    max_count: int = 100

    def read(self, field: str, value: object) -> list[str]:
        """Return the lines tidied; CorrectionInvalidError for what is no list of texts."""
        if not isinstance(value, list):
            raise CorrectionInvalidError(field, "give a list of texts")
        line = Text(self.max_length)
        lines = [text for item in value if (text := line.read(field, item))]
        if len(lines) > self.max_count:
            raise CorrectionInvalidError(field, f"at most {self.max_count} entries")
        return lines


@dataclass(frozen=True)
class Members:
    """An object of texts and lists; members that are not given stay as they are."""

    members: Mapping[str, Text | Texts]

    def read(self, field: str, value: object) -> dict[str, Any]:
        """Return the members given, tidied; CorrectionInvalidError for others."""
        if not isinstance(value, dict):
            raise CorrectionInvalidError(field, "give an object")
        return _read(self.members, value, f"{field}.")


Kind = Text | Texts | Members

#: What can be corrected, as `resume_detail` names it.
FIELDS: Mapping[str, Kind] = {
    "name": Text(200),
    "email": Text(254),
    "phone": Text(50),
    "summary": Text(10_000, is_long=True),
    "experience": Members(
        {
            "title": Text(300),
            "company": Text(300),
            "duration": Text(100),
            "responsibilities": Texts(2_000),
            "achievements": Texts(2_000),
        }
    ),
    "education": Members(
        {"degree": Text(300), "institution": Text(300), "graduation_year": Text(20)}
    ),
    "skill": Texts(200, max_count=300),
    "languages": Texts(200),
    "certifications": Texts(500),
}


@dataclass(frozen=True)
class Version:
    """A version that was kept; `changed` names the fields that differ from the one before."""

    number: int
    made_by: str
    at: datetime
    changed: tuple[str, ...]
    detail: Mapping[str, Any]


class Corrections(Protocol):
    """Where resumes are corrected. Every method may raise StoreUnavailableError."""

    def note_shown(self, user_id: str, resume: Mapping[str, Any]) -> None:
        """Count once that the resume was shown to its owner, and keep what the parser made."""

    def correct(
        self, user_id: str, resume_id: str, changes: object, *, of_version: int | None
    ) -> dict[str, Any] | None:
        """Store the corrections as a new version and return the resume; None: he has none such.

        Raises ResumeChangedError unless the resume is `of_version` (None: whichever it is), or
        has these values already: then nothing is written. CorrectionInvalidError as `corrected`.
        """

    def versions(self, user_id: str, resume_id: str, *, limit: int) -> list[Version]:
        """Return the newest versions kept of his resume, the newest first; none of another's."""


def corrected(detail: Mapping[str, Any], changes: object) -> dict[str, Any]:
    """Return the detail with the changes made; CorrectionInvalidError says what is wrong."""
    if not isinstance(changes, dict) or not changes:
        raise CorrectionInvalidError("", "give an object of the fields to change")
    after = dict(detail)
    for field, value in _read(FIELDS, changes).items():
        before = detail.get(field)
        if isinstance(value, dict) and isinstance(before, dict):
            value = {**before, **value}  # noqa: PLW2901 - what is given, over what there is
        after[field] = value
    return after


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which fields are not what they were."""
    return tuple(field for field in FIELDS if before.get(field) != after.get(field))


def doubtful(detail: Mapping[str, Any]) -> list[str]:
    """Return which of e-mail and phone are given, and look like none."""
    patterns = {"email": _EMAIL, "phone": _PHONE}
    return [
        field
        for field, pattern in patterns.items()
        if detail.get(field) and not pattern.fullmatch(str(detail[field]))
    ]


def is_empty(value: object) -> bool:
    """True for what shows nothing: no text, no list, an object of nothing."""
    if isinstance(value, dict):
        return all(is_empty(member) for member in value.values())
    return value is None or value in ("", [])


def accuracy_changes(
    parsed: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, int]:
    """Return by how much a correction changes the figures, as `<field>.<figure>`.

    A field counts while it differs from what the parser made: as `filled` where the parser found
    nothing, as `corrected` otherwise. So however often a user changes his mind, he counts once.
    """
    changes = {}
    for field in FIELDS:
        made = parsed.get(field)
        change = (after.get(field) != made) - (before.get(field) != made)
        if change:
            changes[f"{field}.{'filled' if is_empty(made) else 'corrected'}"] = change
    return changes


def _read(kinds: Mapping[str, Any], values: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    if not values.keys() <= kinds.keys():
        # Not named: it may be text that no answer can hold.
        raise CorrectionInvalidError(place.rstrip("."), "there is no such field")
    return {name: kinds[name].read(f"{place}{name}", value) for name, value in values.items()}


def _tidy(text: str, *, keeps_lines: bool) -> str:
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    # Control characters can't be seen, and half of a surrogate pair can't be stored.
    clean = "".join(
        c if c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"} else " " for c in normal
    )
    if not keeps_lines:
        return " ".join(clean.split())
    return _MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in clean.split("\n"))).strip()
