"""Resumes as their users correct them: the core's Corrections on MongoDB.

`resume_versions` keeps every version of a resume that its owner has seen, the parser's first.
`field_accuracy` holds one document for each day on which resumes were made (UTC), and in it for
each field: in how many resumes it was `shown`, of those `empty`, and how many users `corrected` it,
or `filled` what the parser had not found.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.correct import (
    FIELDS,
    ResumeChangedError,
    Version,
    accuracy_changes,
    changed_fields,
    corrected,
    is_empty,
)
from store.connection import Document, store_errors
from store.transitions import USERS, in_transaction

VERSIONS = "resume_versions"
ACCURACY = "field_accuracy"


class MongoCorrections:
    """One per web process; safe for concurrent calls."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def note_shown(self, user_id: str, resume: Mapping[str, Any]) -> None:
        """Count once that the resume was shown to its owner, and keep what the parser made."""
        self._parsed(user_id, resume)

    def correct(
        self, user_id: str, resume_id: str, changes: object, *, of_version: int | None
    ) -> dict[str, Any] | None:
        """Store the corrections as a new version and return the resume; None: he has none such."""
        key = ObjectId(resume_id)
        with store_errors():
            seen = self._find(user_id, key, None)
        if seen is None:
            return None
        parsed = self._parsed(user_id, seen)

        def work(session: ClientSession) -> Document | None:
            resume = self._find(user_id, key, session)
            if resume is None:
                return None
            version, before = _version(resume), _detail(resume)
            after = corrected(before, changes)
            # First: this may be the second try of a correction whose answer was lost.
            if after == before:
                return resume
            if of_version not in {None, version}:
                raise ResumeChangedError(version)
            changed = {**resume, "resume_detail": after, "version": version + 1}
            self._replace(user_id, changed, session)
            figures = accuracy_changes(parsed["resume_detail"], before, after)
            self._count(parsed["at"], figures, session)
            return changed

        return in_transaction(self._database, work)

    def versions(self, user_id: str, resume_id: str, *, limit: int) -> list[Version]:
        """Return the newest versions kept of his resume, the newest first; none of another's."""
        mine = {"resume_id": ObjectId(resume_id), "user_id": ObjectId(user_id)}
        with store_errors():
            # One more, to tell what the last of them changed.
            kept = self._database[VERSIONS].find(mine, sort=[("version", DESCENDING)])
            found = list(kept.limit(limit + 1))
        pairs = zip(found, [*found, None][1:], strict=True)
        return [_read(version, before) for version, before in pairs][:limit]

    def _find(
        self, user_id: str, key: ObjectId, session: ClientSession | None
    ) -> dict[str, Any] | None:
        user = self._database[USERS].find_one(
            {"_id": ObjectId(user_id), "resume._id": key},
            {"resume": {"$elemMatch": {"_id": key}}},
            session=session,
        )
        return user["resume"][0] if user else None

    def _parsed(self, user_id: str, resume: Mapping[str, Any]) -> Document:
        """Return the first version kept of the resume; this one becomes it if there is none."""

        def first(session: ClientSession | None) -> Document | None:
            return self._database[VERSIONS].find_one(
                {"resume_id": resume["_id"]}, sort=[("version", ASCENDING)], session=session
            )

        def work(session: ClientSession) -> Document:
            if found := first(session):
                return found  # another view was faster
            made_at = resume.get("created_at")
            at = made_at if isinstance(made_at, datetime) else datetime.now(UTC)
            version = self._keep(user_id, resume, made_by="parser", at=at, session=session)
            detail = version["resume_detail"]
            counts = {f"{field}.shown": 1 for field in FIELDS}
            counts |= {f"{field}.empty": 1 for field in FIELDS if is_empty(detail.get(field))}
            self._count(at, counts, session)
            return version

        with store_errors():
            return first(None) or in_transaction(self._database, work)

    def _replace(self, user_id: str, resume: Document, session: ClientSession) -> None:
        self._database[USERS].update_one(
            {"_id": ObjectId(user_id), "resume._id": resume["_id"]},
            {
                "$set": {
                    "resume.$.resume_detail": resume["resume_detail"],
                    "resume.$.version": resume["version"],
                },
                "$currentDate": {"updated_at": True},
            },
            session=session,
        )
        self._keep(user_id, resume, made_by="user", at=datetime.now(UTC), session=session)

    def _keep(
        self,
        user_id: str,
        resume: Mapping[str, Any],
        *,
        made_by: str,
        at: datetime,
        session: ClientSession,
    ) -> Document:
        named = {"resume_id": resume["_id"], "version": _version(resume)}
        version = {
            **named,
            "user_id": ObjectId(user_id),
            "resume_detail": _detail(resume),
            "made_by": made_by,
            "at": at,
        }
        # Not an insert: a service that writes the resume anew may begin to count anew as well.
        self._database[VERSIONS].replace_one(named, version, upsert=True, session=session)
        return version

    def _count(self, made_at: datetime, counts: Mapping[str, int], session: ClientSession) -> None:
        if not counts:
            return
        self._database[ACCURACY].update_one(
            {"_id": made_at.astimezone(UTC).date().isoformat()},
            {"$inc": counts},
            upsert=True,
            session=session,
        )


def _read(version: Document, before: Document | None) -> Version:
    return Version(
        number=version["version"],
        made_by=version["made_by"],
        at=version["at"],
        changed=changed_fields(_detail(before), _detail(version)) if before else (),
        detail=_detail(version),
    )


def _version(resume: Mapping[str, Any]) -> int:
    return int(resume.get("version") or 1)


def _detail(resume: Mapping[str, Any]) -> dict[str, Any]:
    detail = resume.get("resume_detail")
    return detail if isinstance(detail, dict) else {}
