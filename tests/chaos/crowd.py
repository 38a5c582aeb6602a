"""The users of a scenario and their files, each another one."""

import secrets
import time

import jwt
from bson import ObjectId

from devstack.process import ROOT
from tests.chaos.load import Uploader

_FILE_BYTES = 2048
#: Of 50 files: how many the parser refuses, and how many it takes up at a later try only.
_REJECTS, _FLAKY = 2, 1
_TOKEN_LIVES_S = 24 * 3600
_SAMPLE = ROOT / "samples/resume.pdf"


def uploaders(count: int, jwt_secret: str, *, real_pdfs: bool) -> list[Uploader]:
    """Return so many users; with real PDFs each of them has a copy of the sample."""
    head = _SAMPLE.read_bytes() if real_pdfs else b"%PDF-1.7\n"
    return [_uploader(number, jwt_secret, head) for number in range(count)]


def _uploader(number: int, jwt_secret: str, head: bytes) -> Uploader:
    user_id = str(ObjectId())
    claims = {"sub": user_id, "exp": int(time.time()) + _TOKEN_LIVES_S}
    name = f"{_kind(number)}-{number:06d}.pdf"
    # The parser that is in the box must not be able to read what is to be refused.
    start = b"%PDF-1.7\n" if name.startswith("reject") else head
    content = start + f"% {name} {secrets.token_hex(8)}\n".encode()
    return Uploader(
        user_id,
        jwt.encode(claims, jwt_secret),
        name,
        content.ljust(_FILE_BYTES, b"%"),
        idempotency_key=name if number % 2 else None,
    )


def _kind(number: int) -> str:
    place = number % 50
    if place < _REJECTS:
        return "reject"
    return "flaky" if place < _REJECTS + _FLAKY else "good"
