"""Keep operators' accounts, and how often somebody tried to sign in as one lately."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

name = "0006_pre_operators"
dependencies = ["0005_pre_operations"]

_OPERATORS, _ATTEMPTS = "operators", "sign_in_attempts"
_EXPIRE = IndexModel([("expires_at", ASCENDING)], name="expire", expireAfterSeconds=0)
_ACCOUNT = {
    "_id": {"bsonType": "string"},
    "role": {"enum": ["viewer", "operator"]},
    "password_hash": {"bsonType": "string"},
    "epoch": {"bsonType": "string", "minLength": 32},
    "created_at": {"bsonType": "date"},
}


def upgrade(db: Database[dict[str, Any]]) -> None:
    """Create what is missing; safe to run again after a crash in the middle."""
    present = set(db.list_collection_names())
    for collection in (_OPERATORS, _ATTEMPTS):
        if collection not in present:
            db.create_collection(collection)
    schema = {"bsonType": "object", "required": list(_ACCOUNT), "properties": _ACCOUNT}
    db.command("collMod", _OPERATORS, validator={"$jsonSchema": schema})
    db[_ATTEMPTS].create_indexes([_EXPIRE])


def downgrade(db: Database[dict[str, Any]]) -> None:
    """Drop the accounts: who goes back makes them anew."""
    db.drop_collection(_OPERATORS)
    db.drop_collection(_ATTEMPTS)
