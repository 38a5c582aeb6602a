"""Operators' tokens: signed as users' are, yet neither is ever taken for the other.

An operator's says `typ: operator`, is of `operator:<name>`, which is no user's id, and carries the
account's `epoch`. The customer's other services know the key too and could sign the first two; the
epoch only the database and the account's own tokens know.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_jwt_extended import create_access_token, decode_token

from resumes.accounts import Account, as_name
from webapp.auth import BAD_TOKEN

_OPERATOR, _BROWSER = "operator", "operator_browser"
#: As flask-jwt-extended makes it; it goes into the database.
_TOKEN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def operator_token(account: Account, lifetime: timedelta) -> str:
    """Return a token for the dashboard and its API."""
    token: str = create_access_token(
        f"{_OPERATOR}:{account.name}",
        expires_delta=lifetime,
        additional_claims={"typ": _OPERATOR, "epoch": account.epoch},
    )
    return token


def named_operator(claims: Mapping[str, Any]) -> str:
    """Return whose operator's token it says it is, "" for another kind of token."""
    kind, _, name = str(claims.get(_identity_claim())).partition(":")
    is_operators = claims.get("typ") == kind == _OPERATOR
    return name if is_operators and as_name(name) == name else ""


def is_current(claims: Mapping[str, Any], account: Account) -> bool:
    """Tell whether the account still lets this token in."""
    epoch = str(claims.get("epoch")).encode(errors="replace")
    token_id = _token_id(claims)
    return (
        not account.is_disabled
        and secrets.compare_digest(epoch, account.epoch.encode())
        and bool(token_id)
        and token_id not in account.ended
    )


def browser_token(name: str, lifetime: timedelta) -> str:
    """Return what marks a browser in which that operator signed in; it gives no rights."""
    token: str = create_access_token(
        f"{_BROWSER}:{name}", expires_delta=lifetime, additional_claims={"typ": _BROWSER}
    )
    return token


def marked_browser(token: str, name: str) -> str:
    """Return the id of a browser in which that operator signed in, "" for another one."""
    try:
        claims = decode_token(token)
    except BAD_TOKEN:
        return ""
    is_his = claims.get("typ") == _BROWSER and claims[_identity_claim()] == f"{_BROWSER}:{name}"
    return _token_id(claims) if is_his else ""


def _token_id(claims: Mapping[str, Any]) -> str:
    token_id = str(claims.get("jti"))
    return token_id if _TOKEN_ID.fullmatch(token_id) else ""


def _identity_claim() -> str:
    claim: str = current_app.config["JWT_IDENTITY_CLAIM"]
    return claim
