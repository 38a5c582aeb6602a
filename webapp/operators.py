"""Who operates: the guard of the dashboard's pages and of `/api/v1/admin/`.

The account is looked up at each request, by its `_id`, so whatever ends a session does so at once.
"""

import re
from typing import NoReturn, Protocol
from urllib.parse import quote, urlsplit

from flask import Response, after_this_request, g, request
from flask_jwt_extended import get_jwt, get_jwt_request_location
from werkzeug.exceptions import Forbidden, Unauthorized

from resumes.accounts import Account
from resumes.operating import Operator, Role
from webapp.auth import CSRF_MESSAGE, UNAUTHORIZED_MESSAGE, verified_claims
from webapp.operators_tokens import is_current, named_operator

HOME = "/dashboard"
VIEWER_MESSAGE = (
    "Your account may look at everything but change nothing: this needs the role 'operator'."
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: An address of the dashboard in printable ASCII, where nothing can become another host.
_NEXT = re.compile(r"/dashboard(?:[/?][!-\[\]-~]{0,2000})?")


class AccountReader(Protocol):
    """Where accounts are looked up."""

    def find(self, name: str) -> Account | None:
        """Return the account, None when there is none of that name."""


class SignInNeeded(Exception):  # noqa: N818 - it names a state
    """Nobody is signed in; `next_address` is where to go afterwards."""

    def __init__(self, next_address: str) -> None:
        super().__init__("sign in first")
        self.next_address = next_address


class OperatorGuard:
    """Lets operators in; one per process.

    A token comes in the session's cookie, together with a CSRF token where the request may change
    something (and then from no other site), or in the header `Authorization: Bearer`.
    """

    def __init__(self, accounts: AccountReader) -> None:
        self._accounts = accounts

    def require(self, role: Role) -> Operator:
        """Return who makes the current request.

        Raises SignInNeeded, or 401 in the API, when nobody is signed in; 403 when he may not do it.
        """
        after_this_request(_keep_nothing)
        if "operator_account" not in g:
            g.operator_account = self._signed_in()
        operator: Operator = g.operator_account.operator
        if role is Role.OPERATOR and not operator.may_act:
            raise Forbidden(VIEWER_MESSAGE)
        return operator

    def csrf_token(self) -> str:
        """Return what forms send as `csrf_token` and scripts as X-CSRF-TOKEN; `require` first."""
        return str(get_jwt().get("csrf", ""))

    def _signed_in(self) -> Account:
        try:
            claims = verified_claims(("headers", "cookies"))
        except Unauthorized:
            _refuse()
        name = named_operator(claims)
        account = self._accounts.find(name) if name else None
        if account is None or not is_current(claims, account):
            _refuse()
        if request.method not in _SAFE and get_jwt_request_location() == "cookies":
            require_own_page()
        return account


def require_own_page() -> None:
    """Let no other site send our forms: browsers say where a request came from."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden(CSRF_MESSAGE)


def safe_next(address: str) -> str:
    """Return the address when it is one of the dashboard's pages, else the dashboard's first."""
    is_page = _NEXT.fullmatch(address) and not address.startswith(f"{HOME}/sign-")
    return address if is_page else HOME


def _refuse() -> NoReturn:
    if request.path.startswith("/api/"):
        raise Unauthorized(UNAUTHORIZED_MESSAGE)
    raise SignInNeeded(safe_next(_present_page()))


def _present_page() -> str:
    """Return the address of what the browser shows, or was about to show."""
    if shown := request.headers.get("HX-Current-URL"):
        try:
            return urlsplit(shown)._replace(scheme="", netloc="", fragment="").geturl()
        except ValueError:
            return HOME
    if request.method not in _SAFE:
        return HOME
    query = request.query_string.decode("latin-1")
    return quote(request.path) + (f"?{query}" if query else "")


def _keep_nothing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
