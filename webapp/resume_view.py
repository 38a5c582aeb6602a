"""A resume as the pages show it: texts, lists of texts and entries, whatever types it holds.

Neither the parser's `cv_data`, whose skills are called `skills` and whose education and experience
are lists, nor a stored `resume_detail`, which other services write too, is trusted to keep to its
types.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resumes.correct import FIELDS, Members, Texts

Entry = Mapping[str, str | list[str]]

_LISTS_OF_ENTRIES = {"responsibilities", "achievements"}
#: What an entry is called that is no object.
_TITLE_OF = {"experience": "title", "education": "degree"}


@dataclass(frozen=True)
class ResumeView:
    """What the templates need; empty where there is nothing to show."""

    name: str
    email: str
    phone: str
    summary: str
    experience: list[Entry]
    education: list[Entry]
    skill: list[str]
    languages: list[str]
    certifications: list[str]

    @property
    def is_bare(self) -> bool:
        """True when it has none of a resume's parts."""
        parts = (self.summary, self.experience, self.education)
        return not any((*parts, self.skill, self.languages, self.certifications))


def view_of(record: Mapping[str, Any]) -> ResumeView:
    """Return the record, a parser's or a stored one, as it is shown."""
    skill = record.get("skill")
    return ResumeView(
        name=text_of(record.get("name")),
        email=text_of(record.get("email")),
        phone=text_of(record.get("phone")),
        summary=text_of(record.get("summary")),
        experience=_entries("experience", record),
        education=_entries("education", record),
        skill=_texts(record.get("skills") if skill is None else skill),
        languages=_texts(record.get("languages")),
        certifications=_texts(record.get("certifications")),
    )


def editable_texts(detail: Mapping[str, Any]) -> dict[str, str]:
    """Return what each control of the dialogs holds: `field` or `field.member`, lists as lines."""
    values = {}
    for field, kind in FIELDS.items():
        if isinstance(kind, Members):
            of_field = detail.get(field)
            members = of_field if isinstance(of_field, Mapping) else {}
            for name, member in kind.members.items():
                values[f"{field}.{name}"] = _control(member, members.get(name))
        else:
            values[field] = _control(kind, detail.get(field))
    return values


def _control(kind: object, value: object) -> str:
    return "\n".join(_texts(value)) if isinstance(kind, Texts) else text_of(value)


def _entries(field: str, record: Mapping[str, Any]) -> list[Entry]:
    value = record.get(field)
    entries = [_entry(_TITLE_OF[field], item) for item in _listed(value)]
    return [entry for entry in entries if any(entry.values())]


def _entry(title: str, value: object) -> Entry:
    if not isinstance(value, Mapping):
        return {title: text_of(value)}
    return {
        str(name): _texts(member) if name in _LISTS_OF_ENTRIES else text_of(member)
        for name, member in value.items()
    }


def _texts(value: object) -> list[str]:
    return [text for item in _listed(value) if (text := text_of(item))]


def text_of(value: object) -> str:
    """Return one text of anything: parts of a list or an object after one another."""
    if isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        return ", ".join(text for part in parts if (text := text_of(part)))
    return "" if value is None else str(value).strip()


def _listed(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None else [value]
