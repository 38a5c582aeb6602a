"""Operators' accounts: what is kept of one, and which names and passwords there may be."""

import re
import unicodedata
from dataclasses import dataclass, field

from resumes.operating import Operator, Role

MIN_PASSWORD_CHARACTERS = 12
#: More would only be a way to make us work.
MAX_PASSWORD_BYTES = 1024
#: Lower case, so that no two names look alike; short enough for tables and logs.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NAME_RULE = "1 to 64 of a-z, 0-9 and . _ @ + -, the first a letter or digit"


@dataclass(frozen=True)
class Account:
    """Who may sign in at the dashboard."""

    name: str
    role: Role
    password_hash: str = field(repr=False)
    #: Stands in each token; another one ends them all. Unguessable, so that who knows the key that
    #: tokens are signed with can't make one.
    epoch: str = field(repr=False)
    is_disabled: bool = False
    #: Ids (`jti`) of tokens that were signed out before their time.
    ended: frozenset[str] = frozenset()

    @property
    def operator(self) -> Operator:
        """The same as those see him who ask what he may do."""
        return Operator(self.name, self.role)


def as_name(text: str) -> str:
    """Return the name that somebody means, "" when it can't be one."""
    name = text.strip().lower()
    return name if _NAME.fullmatch(name) else ""


def password_bytes(password: str) -> bytes:
    """Return what is hashed: the same bytes, however a keyboard composes its letters.

    UnicodeEncodeError for what was no text where it was read.
    """
    return unicodedata.normalize("NFC", password).encode()


def password_fault(password: str) -> str:
    """Say what is wrong with a new password; "" for a good one."""
    if len(unicodedata.normalize("NFC", password)) < MIN_PASSWORD_CHARACTERS:
        return f"a password has at least {MIN_PASSWORD_CHARACTERS} characters"
    try:
        size_bytes = len(password_bytes(password))
    except UnicodeEncodeError:
        return "the password is not UTF-8 text"
    if size_bytes > MAX_PASSWORD_BYTES:
        return f"a password has at most {MAX_PASSWORD_BYTES} bytes"
    return ""
