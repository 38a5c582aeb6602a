"""Operators' accounts in `operators`, each under its name. Passwords come here as hashes only."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from resumes.accounts import Account
from resumes.operating import Role
from store.connection import Document, store_errors

OPERATORS = "operators"
_EPOCH_BYTES = 16


class MongoOperatorStore:
    """One per process; safe for concurrent calls."""

    def __init__(self, database: Database[Document]) -> None:
        self._operators = database[OPERATORS]

    def find(self, name: str) -> Account | None:
        """Return the account, None when there is none of that name."""
        with store_errors():
            found = self._operators.find_one({"_id": name})
        return None if found is None else _account(found)

    def all(self) -> list[Account]:
        """Return every account by name."""
        with store_errors():
            return [_account(document) for document in self._operators.find().sort("_id", 1)]

    def create(self, name: str, role: Role, password_hash: str) -> bool:
        """Make an account; False when the name is taken."""
        document = {
            "_id": name,
            "role": str(role),
            "password_hash": password_hash,
            "epoch": _new_epoch(),
            "created_at": datetime.now(UTC),
        }
        try:
            with store_errors():
                self._operators.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    def set_password(self, name: str, password_hash: str) -> bool:
        """Give the account another password, enable it and end its sessions; False for nobody."""
        changes = {"password_hash": password_hash, "epoch": _new_epoch()}
        return self._change(name, {"$set": changes, "$unset": {"disabled_at": "", "ended": ""}})

    def set_role(self, name: str, role: Role) -> bool:
        """Give the account another role and end its sessions; False for nobody."""
        return self._change(name, {"$set": {"role": str(role), "epoch": _new_epoch()}})

    def disable(self, name: str) -> bool:
        """Let the account sign in no more and end its sessions; False for nobody."""
        now = datetime.now(UTC)
        return self._change(name, {"$set": {"disabled_at": now, "epoch": _new_epoch()}})

    def end_sessions(self, name: str) -> bool:
        """End all sessions and API tokens of the account; False for nobody."""
        return self._change(name, {"$set": {"epoch": _new_epoch()}, "$unset": {"ended": ""}})

    def end_session(self, name: str, token_id: str, expires_at: datetime) -> bool:
        """End the session of that token, which is remembered until it expires by itself."""
        still_good = {
            "$filter": {
                "input": {"$ifNull": ["$ended", []]},
                "cond": {"$gt": ["$$this.expires_at", "$$NOW"]},
            }
        }
        entry = {"token_id": {"$literal": token_id}, "expires_at": expires_at}
        return self._change(name, [{"$set": {"ended": {"$concatArrays": [still_good, [entry]]}}}])

    def rehash(self, name: str, old_hash: str, new_hash: str) -> None:
        """Store the same password's new hash, unless the password has changed meanwhile."""
        with store_errors():
            self._operators.update_one(
                {"_id": name, "password_hash": old_hash}, {"$set": {"password_hash": new_hash}}
            )

    def _change(self, name: str, changes: Mapping[str, Any] | list[Mapping[str, Any]]) -> bool:
        with store_errors():
            return self._operators.update_one({"_id": name}, changes).matched_count == 1


def _new_epoch() -> str:
    return secrets.token_hex(_EPOCH_BYTES)


def _account(document: Document) -> Account:
    return Account(
        name=document["_id"],
        role=Role(document["role"]),
        password_hash=document["password_hash"],
        epoch=document["epoch"],
        is_disabled="disabled_at" in document,
        ended=frozenset(entry["token_id"] for entry in document.get("ended", ())),
    )
