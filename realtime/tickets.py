"""Single-use tickets: a way to /ws that leaves no token in the URL's many logs.

`POST /api/v1/ws-ticket` (authenticated by header) -> `/ws?ticket=...` within 30 seconds. The
collection `ws_tickets` belongs to this module; it keeps a hash of the ticket only. Promises: of any
number of uses at once exactly one succeeds, in whichever web process it arrives.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from resumes.errors import StoreUnavailableError
from resumes.identity import Identity

TICKET_LIFETIME_S = 30
_TICKET_BYTES = 32

#: Given the places where a token may stand, returns the user or raises an HTTPException.
Authenticate = Callable[[Sequence[str]], Identity]


class TicketStore(Protocol):
    """Where tickets wait for their use. Both may raise StoreUnavailableError."""

    def issue(self, identity: Identity) -> str:
        """Return a new ticket that stands for the identity."""

    def redeem(self, ticket: str) -> Identity | None:
        """Return the ticket's identity, once and in time; None ever after."""


class MongoTicketStore:
    """Tickets in MongoDB; the index that sweeps old ones is made by the migrations."""

    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        self._collection = collection

    def issue(self, identity: Identity) -> str:
        """Store the ticket's hash and return the ticket."""
        ticket = secrets.token_urlsafe(_TICKET_BYTES)
        expires_at = datetime.now(UTC) + timedelta(seconds=TICKET_LIFETIME_S)
        document = {"_id": _hash(ticket), "identity": asdict(identity), "expires_at": expires_at}
        try:
            self._collection.insert_one(document)
        except PyMongoError as error:
            raise StoreUnavailableError from error
        return ticket

    def redeem(self, ticket: str) -> Identity | None:
        """Take the ticket out of the collection, so that it can't be used again."""
        # The sweep of expired documents runs once a minute, so the query looks at the time itself.
        valid = {"_id": _hash(ticket), "expires_at": {"$gt": datetime.now(UTC)}}
        try:
            document = self._collection.find_one_and_delete(valid)
        except PyMongoError as error:
            raise StoreUnavailableError from error
        return Identity(**document["identity"]) if document else None


def ticket_blueprint(authenticate: Authenticate, tickets: TicketStore) -> Blueprint:
    """Return the blueprint of `POST /api/v1/ws-ticket`."""
    blueprint = Blueprint("ws_tickets", __name__)

    @blueprint.post("/api/v1/ws-ticket")
    def issue() -> tuple[Response, int, dict[str, str]]:
        ticket = tickets.issue(authenticate(["headers"]))
        body = jsonify(success=True, ticket=ticket, expires_in=TICKET_LIFETIME_S)
        return body, 201, {"Cache-Control": "no-store"}

    return blueprint


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
