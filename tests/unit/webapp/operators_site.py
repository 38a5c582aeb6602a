"""A small site behind the guard: its pages, its API, and a browser that keeps cookies."""

import re
from typing import Any

from flask import Blueprint, Flask, Response, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from resumes.operating import Role
from tests.services.operators import (
    CHEAP,
    Credentials,
    MemoryAccounts,
    MemoryAttempts,
    MemoryAudit,
)
from webapp.auth import configure_jwt
from webapp.errors import register_error_handlers
from webapp.operator_cli import operator_commands
from webapp.operators import OperatorGuard
from webapp.operators_pages import operators_blueprint
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import SignIn
from webapp.pages import pages_blueprint

SECRET = "0123456789abcdef0123456789abcdef"
SIGN_IN = "/dashboard/sign-in"
ME = "/api/v1/admin/me"
ACT = "/api/v1/admin/act"


class Site:
    """The application and what is behind it."""

    def __init__(self, *, secure_cookies: bool = False, identity_claim: str = "sub") -> None:
        self.accounts, self.attempts = MemoryAccounts(), MemoryAttempts()
        self.audit, self.passwords = MemoryAudit(), Passwords(**CHEAP)
        self.guard = OperatorGuard(self.accounts)
        self.app = Flask("test", static_folder=None)
        configure_jwt(
            self.app,
            secret=SECRET,
            identity_claim=identity_claim,
            issuer=None,
            audience=None,
            secure_cookies=secure_cookies,
        )
        register_error_handlers(self.app)
        sign_in = SignIn(self.accounts, self.passwords, self.attempts, self.audit)
        self.app.register_blueprint(
            operators_blueprint(self.guard, sign_in, self.accounts, self.audit)
        )
        self.app.register_blueprint(operator_commands(self.accounts, self.passwords, self.audit))
        self.app.register_blueprint(pages_blueprint())
        self.app.register_blueprint(_guarded(self.guard))

    def new_operator(self, name: str = "ann", role: Role = Role.OPERATOR) -> Credentials:
        credentials = Credentials(name, f"the password of {name}")
        assert self.accounts.create(name, role, self.passwords.hash(credentials.password))
        return credentials

    def browser(self) -> "Browser":
        return Browser(self.app.test_client())


class Browser:
    """Somebody's browser; by TLS, so that secure cookies are sent."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, address: str, **headers: str) -> TestResponse:
        return self.ask("GET", address, None, **headers)

    def post(
        self, address: str, data: dict[str, str] | None = None, **headers: str
    ) -> TestResponse:
        return self.ask("POST", address, data, **headers)

    def ask(
        self, method: str, address: str, data: dict[str, str] | None = None, /, **headers: str
    ) -> TestResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            address, method=method, data=data, headers=sent, base_url="https://localhost"
        )

    def sign_in(self, who: Credentials, next_address: str = "") -> TestResponse:
        form = {"name": who.name, "password": who.password, "next": next_address}
        return self.post(SIGN_IN, form)

    def signed_in(self, who: Credentials) -> "Browser":
        assert self.sign_in(who).status_code == 303
        return self

    def csrf_token(self) -> str:
        return self.get("/dashboard").text

    def cookies(self, answer: TestResponse) -> dict[str, str]:
        """Return what is said of each cookie that is set, by its name."""
        return dict(line.split("=", 1) for line in answer.headers.getlist("Set-Cookie"))

    def session(self) -> str:
        """Return the session's token."""
        cookie = self.client.get_cookie("operator") or self.client.get_cookie("__Host-operator")
        assert cookie
        return cookie.value


def is_sign_in(answer: TestResponse, next_address: str) -> bool:
    """True for what sends somebody to the form, and from there to that address."""
    assert answer.status_code == 303, answer.text
    found = re.fullmatch(rf"{SIGN_IN}\?next=(.*)", answer.headers["Location"])
    assert found, answer.headers["Location"]
    return found[1] == next_address


def _guarded(guard: OperatorGuard) -> Blueprint:
    blueprint = Blueprint("guarded", __name__)

    @blueprint.route("/dashboard", methods=["GET"])
    @blueprint.route("/dashboard/<path:_page>", methods=["GET"])
    def page(_page: str = "") -> str:
        guard.require(Role.VIEWER)
        return guard.csrf_token()

    @blueprint.route("/dashboard/act", methods=["POST", "PUT", "PATCH", "DELETE"])
    @blueprint.route(ACT, methods=["POST", "PUT", "PATCH", "DELETE"])
    def act() -> Response:
        operator = guard.require(Role.OPERATOR)
        return _json(done_by=operator.name)

    @blueprint.route("/dashboard/any", methods=["OPTIONS"], provide_automatic_options=False)
    @blueprint.route("/api/v1/admin/any", methods=["OPTIONS"], provide_automatic_options=False)
    def options() -> str:
        return guard.require(Role.VIEWER).name

    return blueprint


def _json(**members: Any) -> Response:
    return jsonify(members)
