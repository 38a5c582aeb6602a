"""Signing in and out: /dashboard/sign-in, /dashboard/sign-out, /dashboard/sign-out-everywhere.

Also `GET /api/v1/admin/me`, by which a script finds out whether its token is good.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    render_template,
    request,
    url_for,
)
from flask_jwt_extended import get_jwt, set_access_cookies, unset_access_cookies

from resumes.accounts import as_name
from resumes.operating import Role
from webapp.operators import HOME, OperatorGuard, SignInNeeded, require_own_page, safe_next
from webapp.operators_sign_in import (
    Attempt,
    Audit,
    SignIn,
    TooManyAttemptsError,
    WrongCredentialsError,
)
from webapp.operators_tokens import browser_token, marked_browser, operator_token

#: From signing in to having to do it again, used or not.
SESSION = timedelta(hours=12)
_BROWSER_IS_KNOWN_FOR = timedelta(days=180)
_MAX_FORM_BYTES = 16 * 1024
_SIGN_IN = f"{HOME}/sign-in"
_WRONG = "Name and password do not match, or the account is disabled."


class Sessions(Protocol):
    """Where sessions are ended."""

    def end_session(self, name: str, token_id: str, expires_at: datetime) -> bool:
        """End the session of that token."""

    def end_sessions(self, name: str) -> bool:
        """End all sessions and API tokens of the account."""


def operators_blueprint(
    guard: OperatorGuard, sign_in: SignIn, sessions: Sessions, audit: Audit
) -> Blueprint:
    """Return the blueprint, which also sends whoever is not signed in to the form."""
    blueprint = Blueprint("operators", __name__, template_folder="templates")

    @blueprint.before_request
    def bound_body() -> None:
        request.max_content_length = _MAX_FORM_BYTES

    @blueprint.get("/api/v1/admin/me")
    def me() -> Response:
        operator = guard.require(Role.VIEWER)
        return jsonify(success=True, name=operator.name, role=operator.role)

    _add_sign_in(blueprint, sign_in)
    _add_sign_out(blueprint, guard, sessions, audit)
    blueprint.app_errorhandler(SignInNeeded)(_to_the_form)
    return blueprint


def _add_sign_in(blueprint: Blueprint, sign_in: SignIn) -> None:
    @blueprint.get(_SIGN_IN)
    def form() -> Response:
        return _page(200)

    @blueprint.post(_SIGN_IN)
    def submit() -> Response:
        require_own_page()
        try:
            account = sign_in(_attempt())
        except WrongCredentialsError:
            response = _page(401, fault=_WRONG)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        except TooManyAttemptsError as error:
            return _slowed(error.wait_s)
        response = _go_to(safe_next(request.form.get("next", "")))
        set_access_cookies(response, operator_token(account, SESSION))
        _mark_browser(response, account.name)
        return response


def _add_sign_out(
    blueprint: Blueprint, guard: OperatorGuard, sessions: Sessions, audit: Audit
) -> None:
    @blueprint.post(f"{HOME}/sign-out")
    def sign_out() -> Response:
        operator = guard.require(Role.VIEWER)
        claims = get_jwt()
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        sessions.end_session(operator.name, claims["jti"], expires_at)
        audit.note(operator.name, "signed_out", operator.name)
        return _signed_out()

    @blueprint.post(f"{HOME}/sign-out-everywhere")
    def sign_out_everywhere() -> Response:
        operator = guard.require(Role.VIEWER)
        sessions.end_sessions(operator.name)
        audit.note(operator.name, "signed_out_everywhere", operator.name)
        return _signed_out()


def _page(status: int, *, fault: str = "") -> Response:
    values = {
        "fault": fault,
        "name": as_name(request.form.get("name", "")),
        "next_address": safe_next(request.values.get("next", "")),
    }
    html = render_template("dashboard/sign_in.html", **values)
    return Response(html, status, {"Cache-Control": "no-store"})


def _attempt() -> Attempt:
    name = as_name(request.form.get("name", ""))
    mark = request.cookies.get(_mark_name(), "")
    return Attempt(
        name=name,
        password=request.form.get("password", ""),
        address=request.remote_addr or "",
        browser=marked_browser(mark, name) if mark and name else "",
    )


def _slowed(wait_s: float) -> Response:
    minutes = math.ceil(wait_s / 60)
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    response = _page(429, fault=f"Too many attempts. Try again in {wait}.")
    response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response


def _mark_browser(response: Response, name: str) -> None:
    response.set_cookie(
        _mark_name(),
        browser_token(name, _BROWSER_IS_KNOWN_FOR),
        max_age=_BROWSER_IS_KNOWN_FOR,
        path=_SIGN_IN,
        secure=_is_secure(),
        httponly=True,
        samesite="Strict",
    )


def _mark_name() -> str:
    return "__Secure-operator-browser" if _is_secure() else "operator-browser"


def _is_secure() -> bool:
    return bool(current_app.config["JWT_COOKIE_SECURE"])


def _signed_out() -> Response:
    response = _go_to(_SIGN_IN)
    unset_access_cookies(response)
    return response


def _to_the_form(needed: SignInNeeded) -> Response:
    address = url_for("operators.form", next=needed.next_address)
    if "HX-Request" not in request.headers:
        return _go_to(address)
    # htmx would put the form where a part of the page was to go.
    return Response(status=401, headers={"HX-Redirect": address, "Cache-Control": "no-store"})


def _go_to(address: str) -> Response:
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
