"""From a request's JWT to a known user, for HTTP and for the /ws handshake.

Whatever is wrong with a token, the answer is one and the same 401: the reason would help only
whoever forges tokens.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

from flask import Flask
from flask_jwt_extended import JWTManager, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from jwt.exceptions import PyJWTError
from werkzeug.exceptions import Forbidden, Unauthorized

from resumes.identity import Identity, UserRecord

UNAUTHORIZED_MESSAGE = "Sign in first: the access token is missing, invalid or expired."
CSRF_MESSAGE = "This form is not of your present session: load the page again, then repeat it."

#: Beside the libraries' own errors: what absurd claims and headers (an `exp` of 400 digits, deep
#: JSON, text that is no Unicode, a list of nothing) make the standard library raise.
BAD_TOKEN = (
    JWTExtendedException,
    PyJWTError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)


class Users(Protocol):
    """Where users are looked up."""

    def find(self, user_id: object) -> UserRecord | None:
        """Return the user; None for an id that is malformed or of nobody."""


def configure_jwt(
    app: Flask,
    *,
    secret: str,
    identity_claim: str,
    issuer: str | None,
    audience: str | None,
    secure_cookies: bool,
) -> None:
    """Set flask-jwt-extended up: HS256 only; issuer and audience checked where given.

    Only operators' sessions are in a cookie (`webapp/operators.py`); users' tokens come in headers.
    """
    app.config.update(
        JWT_SECRET_KEY=secret,
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_IDENTITY_CLAIM=identity_claim,
        JWT_DECODE_ISSUER=issuer,
        JWT_ENCODE_ISSUER=issuer,
        JWT_DECODE_AUDIENCE=audience,
        JWT_ENCODE_AUDIENCE=audience,
        JWT_VERIFY_SUB=False,  # the identity is checked below, whichever claim holds it
        JWT_TOKEN_LOCATION=["headers"],
        JWT_QUERY_STRING_NAME="token",
        # The prefix lets browsers refuse it from other hosts of the domain, and without TLS.
        JWT_ACCESS_COOKIE_NAME="__Host-operator" if secure_cookies else "operator",
        JWT_COOKIE_SECURE=secure_cookies,
        JWT_COOKIE_SAMESITE="Strict",
        JWT_SESSION_COOKIE=True,
        JWT_COOKIE_CSRF_PROTECT=True,
        JWT_CSRF_CHECK_FORM=True,
        JWT_CSRF_IN_COOKIES=False,  # the pages hold it: OperatorGuard.csrf_token
    )
    JWTManager(app)


class Authenticator:
    """Check the request's token; one per process."""

    def __init__(self, users: Users, *, identity_claim: str) -> None:
        self._users = users
        self._identity_claim = identity_claim

    def __call__(self, places: Sequence[str] = ("headers",)) -> Identity:
        """Return who makes the current request, or raise 401.

        `places`: "headers", and "query_string" where a browser can't send headers (/ws).
        """
        claims = verified_claims(places)
        user = self._users.find(claims.get(self._identity_claim))
        if user is None:
            raise Unauthorized(UNAUTHORIZED_MESSAGE)
        tier = claims.get("tier")
        return Identity(
            user_id=user.id,
            expires_at=_expiry(claims),
            role=user.role,
            tier=tier if isinstance(tier, str) else user.tier,
        )


def verified_claims(places: Sequence[str]) -> dict[str, Any]:
    """Return what the request's token says, or raise 401; 403 for a cookie without CSRF token."""
    try:
        if verify_jwt_in_request(locations=list(places)) is None:  # OPTIONS is let through
            raise Unauthorized(UNAUTHORIZED_MESSAGE)
        claims: dict[str, Any] = get_jwt()
        _expiry(claims)
    except CSRFError:
        raise Forbidden(CSRF_MESSAGE) from None
    except BAD_TOKEN:
        raise Unauthorized(UNAUTHORIZED_MESSAGE) from None
    return claims


def _expiry(claims: dict[str, Any]) -> float:
    """Return `exp` in POSIX seconds; ValueError or OverflowError where it is none."""
    exp = claims.get("exp")
    if isinstance(exp, bool) or not isinstance(exp, (int, float)) or not math.isfinite(exp):
        raise ValueError("a token without an end")
    return float(exp)
