"""Users as this service needs them: who exists, what they may do, the resume they have."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from resumes.identity import UserRecord
from resumes.job import is_object_id
from store.connection import Document, store_errors
from store.documents import User
from store.transitions import USERS


class MongoUserStore:
    """One per process; safe for concurrent calls."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def find(self, user_id: object) -> UserRecord | None:
        """Return the user; None for an id that is malformed or of nobody."""
        if not is_object_id(user_id):
            return None
        with store_errors():
            user = self._database[USERS].find_one(
                {"_id": ObjectId(str(user_id))}, {"role": 1, "tier": 1}
            )
        if user is None:
            return None
        return UserRecord(
            str(user["_id"]), str(user.get("role") or "user"), str(user.get("tier") or "standard")
        )

    def resume(self, user_id: str, resume_id: str) -> dict[str, Any] | None:
        """Return the user's resume as stored, None when he has none of that id."""
        key = ObjectId(resume_id)
        with store_errors():
            user = self._database[USERS].find_one(
                {"_id": ObjectId(user_id), "resume._id": key},
                {"resume": {"$elemMatch": {"_id": key}}},
            )
        return user["resume"][0] if user else None

    def create(self, email: str, *, role: str, tier: str) -> str:
        """Create a user and return the id; an e-mail that exists gives that user's id."""
        now = datetime.now(UTC)
        user = User(email=email, role=role, tier=tier, created_at=now, updated_at=now)
        document = user.to_mongo().to_dict()
        document.pop("email")
        document.setdefault("resume", [])
        with store_errors():
            self._database[USERS].update_one(
                {"email": email}, {"$setOnInsert": document}, upsert=True
            )
            found = self._database[USERS].find_one({"email": email}, {"_id": 1})
        return str((found or {})["_id"])
