"""GET and PATCH /api/v1/resumes/<id>: the stored resume, and what its owner corrects in it.

Our own page gets it as a part of the page, and sends its dialogs as forms.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, NotFound, PreconditionRequired

from resumes.correct import (
    CorrectionInvalidError,
    Corrections,
    ResumeChangedError,
    Version,
    doubtful,
)
from resumes.errors import StoreUnavailableError
from resumes.identity import Identity
from resumes.job import is_object_id
from webapp.panels import panel_wanted
from webapp.stored_panel import form_changes, refusal_panel, stored_panel, versions_panel
from webapp.times import iso

log = structlog.get_logger(__name__)

#: Far more than the longest resume.
_MAX_BODY_BYTES = 1024 * 1024
_MAX_VERSIONS = 50
_NO_SUCH = "There is no such resume."
_Found = TypeVar("_Found")
_VERSION = re.compile(r"[0-9]{1,9}")
# An id's length, so that "upload" stays the upload's address whatever the method.
_ADDRESS = "/api/v1/resumes/<string(length=24):resume_id>"


class ResumeReader(Protocol):
    """Where a user's stored resume is read."""

    def resume(self, user_id: str, resume_id: str) -> dict[str, Any] | None:
        """Return the user's resume as stored, None when he has none of that id."""


def corrections_blueprint(
    resumes: ResumeReader,
    corrections: Corrections,
    authenticate: Callable[[Sequence[str]], Identity],
) -> Blueprint:
    """Return the blueprint of a stored resume."""
    blueprint = Blueprint("corrections", __name__)

    @blueprint.get(_ADDRESS)
    def stored_resume(resume_id: str) -> Response:
        identity = authenticate(("headers",))
        resume = _found(resumes.resume(identity.user_id, _checked(resume_id)))
        with suppress(StoreUnavailableError):  # a count; what he wants to see is here
            corrections.note_shown(identity.user_id, resume)
        return _answer(resume)

    @blueprint.patch(_ADDRESS)
    def correct(resume_id: str) -> Response:
        identity = authenticate(("headers",))
        _checked(resume_id)
        of_version = _version_wanted()
        changes = form_changes(request.form) if panel_wanted() else _changes()
        try:
            resume = corrections.correct(
                identity.user_id, resume_id, changes, of_version=of_version
            )
        except (CorrectionInvalidError, ResumeChangedError) as error:
            return _refused(error, changes, partial(resumes.resume, identity.user_id, resume_id))
        resume = _found(resume)
        # Its fields' names come from the closed list that the correction was checked against.
        log.info("resume.corrected", resume_id=resume_id, fields=sorted(changes))
        return _answer(resume, saved=next(iter(changes)))

    @blueprint.get(f"{_ADDRESS}/versions")
    def versions(resume_id: str) -> Response:
        identity = authenticate(("headers",))
        of_resume = _checked(resume_id)
        found = _found(corrections.versions(identity.user_id, of_resume, limit=_MAX_VERSIONS))
        return versions_panel(found) if panel_wanted() else _versions_response(found)

    return blueprint


def _checked(resume_id: str) -> str:
    if not is_object_id(resume_id):
        raise NotFound(_NO_SUCH)
    return resume_id


def _found(found: _Found | None) -> _Found:
    if not found:
        raise NotFound(_NO_SUCH)
    return found


def _answer(resume: Mapping[str, Any], *, saved: str | None = None) -> Response:
    return stored_panel(resume, saved=saved) if panel_wanted() else _response(resume)


def _refused(
    error: CorrectionInvalidError | ResumeChangedError,
    changes: Any,
    read: Callable[[], Mapping[str, Any] | None],
) -> Response:
    """Tell our page so in its dialog, over the present resume; raise the error for all others."""
    if not changes or not panel_wanted() or (present := read()) is None:
        raise error
    return refusal_panel(present, changes, error)


def _version_wanted() -> int | None:
    """Return the version that If-Match asks for; None for any (`*`)."""
    wanted = request.if_match
    if wanted.star_tag:
        return None
    if not wanted:
        raise PreconditionRequired('Say which version you have seen: If-Match: "<version>".')
    [version, *others] = wanted.as_set() or {""}
    if others or not _VERSION.fullmatch(version):
        raise BadRequest('If-Match holds one version: "<version>".')
    return int(version)


def _changes() -> Any:
    request.max_content_length = _MAX_BODY_BYTES
    try:
        return request.get_json()
    except RecursionError:
        raise BadRequest("The JSON is nested too deep.") from None


def _response(resume: Mapping[str, Any]) -> Response:
    detail = resume.get("resume_detail")
    body = {
        "success": True,
        "resume": {**resume, "created_at": iso(resume.get("created_at"))},
        # What looks like no e-mail address or phone number; it is stored all the same.
        "doubtful": doubtful(detail if isinstance(detail, dict) else {}),
    }
    response = _json(body)
    # For If-Match. No 304 by it: another service may change a resume and not count the version.
    response.set_etag(str(resume.get("version") or 1))
    return response


def _versions_response(versions: Sequence[Version]) -> Response:
    shown = [
        {
            "version": version.number,
            "made_by": version.made_by,
            "at": iso(version.at),
            "changed": version.changed,
            "resume_detail": version.detail,
        }
        for version in versions
    ]
    return _json({"success": True, "versions": shown})


def _json(body: Mapping[str, Any]) -> Response:
    # Other services write resumes too: whatever JSON can't hold (ids, dates) is shown as text.
    text = json.dumps(body, default=str, ensure_ascii=False)
    response = Response(text, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Authorization", "HX-Request"))
    return response
