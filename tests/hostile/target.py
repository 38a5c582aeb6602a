"""The service under attack: its client, the settings it runs with, and the secrets to look for."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.hostile.wire import Answer, Wire, wire
from tests.services.client import ServiceClient

ISSUER = "https://issuer.example.test"
AUDIENCE = "resume-service"
#: Seconds, for a request's body and again for its answer.
REQUEST_TIMEOUT_S = 8
SOCKETS_PER_PROCESS = 60

#: What must never be logged or answered, beside every token.
DATABASE_PASSWORD = f"canary-password-{secrets.token_hex(8)}"
EMAIL = f"canary-{secrets.token_hex(4)}@example.test"
PDF_TEXT = f"canary-text-{secrets.token_hex(8)}"

_TOKEN = re.compile(r"\beyJ[\w-]+\.")


class Target(ServiceClient):
    """The service under attack; every answer that passes through here is searched for secrets."""

    def token(self, **claims: Any) -> str:
        return super().token(**{"iss": ISSUER, "aud": AUDIENCE, **claims})

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @contextmanager
    def wire(self, receive_buffer_bytes: int = 0) -> Iterator[Wire]:
        with wire(self.url, receive_buffer_bytes) as connection:
            yield connection

    def ask(self, *parts: bytes, ends: bool = False) -> Answer:
        """Send bytes on a connection of their own and return the answer."""
        with self.wire() as connection:
            connection.send(*parts)
            if ends:
                connection.end_sending()
            answer = connection.answer()
        text = f"{answer.headers} {answer.body.decode(errors='replace')}"
        assert leaked(text, self.secret.decode()) == []
        return answer


def leaked(text: str, *more: str) -> list[str]:
    """Return the secrets that stand in the text."""
    canaries = (DATABASE_PASSWORD, EMAIL, PDF_TEXT, *more)
    return [canary for canary in canaries if canary in text] + _TOKEN.findall(text)


def is_problem(answer: Answer, status: int, code: str = "") -> bool:
    """True for a problem of that status, and of that code where one is given."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert (body["status"], body["success"]) == (status, False)
    return body["code"] == code or not code


def events_of(log: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a stack's log."""
    texts = (line.partition(" | ")[2] for line in log.splitlines())
    return [json.loads(text) for text in texts if text.startswith("{")]
