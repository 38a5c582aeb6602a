"""Dead letters that are done with because their jobs went on: until Kafka knows it, they are here.

Written in the transaction that replays or discards the job, or by whoever wrote the letter after
that. `_id` is the letter's place; MongoDB drops what Kafka has dropped by then.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from store.connection import Document, store_errors

CLOSED_LETTERS = "closed_letters"


class MongoClosedLetters:
    """One per process; safe for concurrent calls. Each method may raise StoreUnavailableError."""

    def __init__(self, database: Database[Document]) -> None:
        self._letters = database[CLOSED_LETTERS]

    def page(self, after: str, limit: int) -> list[str]:
        """Return some letters behind `after`, in a fixed order."""
        with store_errors():
            found = self._letters.find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
            return [letter["_id"] for letter in found]

    def forget(self, letter_ids: Collection[str]) -> None:
        """Drop these from what is to be done."""
        with store_errors():
            self._letters.delete_many({"_id": {"$in": list(letter_ids)}})


def close_letter(
    database: Database[Document], letter_id: str | None, session: ClientSession | None = None
) -> None:
    """Note that the letter, if there is one, is done with."""
    if letter_id:
        database[CLOSED_LETTERS].update_one(
            {"_id": letter_id},
            {"$setOnInsert": {"at": datetime.now(UTC)}},
            upsert=True,
            session=session,
        )
