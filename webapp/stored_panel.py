"""The part of the page that shows a stored resume, with a dialog to correct each field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request

from resumes.correct import (
    FIELDS,
    CorrectionInvalidError,
    Members,
    ResumeChangedError,
    Text,
    Texts,
    Version,
    doubtful,
)
from webapp.i18n import reader_texts
from webapp.panels import panel
from webapp.resume_view import editable_texts, view_of
from webapp.times import iso


@dataclass(frozen=True)
class Fault:
    """Why a dialog's text was not saved: `place` is the control at fault, if one is."""

    field: str
    place: str
    text: str


def stored_panel(resume: Mapping[str, Any], *, saved: str | None = None) -> Response:
    """Return the resume; after a correction, `saved` is the field that was corrected."""
    return _panel(resume, saved=saved)


def refusal_panel(
    resume: Mapping[str, Any],
    changes: Mapping[str, Any],
    error: CorrectionInvalidError | ResumeChangedError,
) -> Response:
    """Return the resume as it is now, with the dialog open as it was sent.

    Behind it appears what another tab made of the resume; to save once more is then meant.
    """
    field = next(iter(changes))
    text = reader_texts().problem(error.code)
    if isinstance(error, CorrectionInvalidError):
        fault = Fault(field, error.field, text)
        return _panel(resume, fault=fault, status=HTTPStatus.BAD_REQUEST)
    present = [
        ", ".join(value.splitlines())
        for name, value in editable_texts(_detail(resume)).items()
        if value and name.split(".")[0] == field
    ]
    it_now_says = reader_texts()("edit.now_says", value=" · ".join(present))
    fault = Fault(field, "", f"{text} {it_now_says}")
    return _panel(resume, fault=fault, status=HTTPStatus.PRECONDITION_FAILED)


def versions_panel(versions: Sequence[Version]) -> Response:
    """Return what was kept of the resume: when, by whom, and what each version changed."""
    return panel("_versions.html", versions=[(version, iso(version.at)) for version in versions])


def form_changes(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a dialog's form says, as the API's JSON would: a list's entries are its lines."""
    changes: dict[str, Any] = {}
    for field, kind in FIELDS.items():
        if isinstance(kind, Members):
            members = {
                name: _entered(form[f"{field}.{name}"], member)
                for name, member in kind.members.items()
                if f"{field}.{name}" in form
            }
            if members:
                changes[field] = members
        elif field in form:
            changes[field] = _entered(form[field], kind)
    return changes


def _entered(text: str, kind: Text | Texts) -> str | list[str]:
    return text.splitlines() if isinstance(kind, Texts) else text


def _panel(
    resume: Mapping[str, Any],
    *,
    saved: str | None = None,
    fault: Fault | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    detail = _detail(resume)
    return panel(
        "_stored.html",
        status,
        resume=view_of(detail),
        created_at=iso(resume.get("created_at")),
        version=resume.get("version") or 1,
        fields=FIELDS,
        values=editable_texts(detail) | (request.form.to_dict() if fault else {}),
        editable=True,
        doubtful=doubtful(detail),
        saved=saved,
        fault=fault,
    )


def _detail(resume: Mapping[str, Any]) -> Mapping[str, Any]:
    detail = resume.get("resume_detail")
    return detail if isinstance(detail, dict) else {}
