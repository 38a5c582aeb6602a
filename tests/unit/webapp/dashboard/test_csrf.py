"""Whatever an operator's session may change is changed by forms of that session alone.

Every route that is no mere look is asked, as the composition root registers them: a new one can't
be forgotten.
"""

import copy
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient
from werkzeug.routing import Rule

import operators_side
from resumes.operating import Role
from settings import load_settings
from tasks.actors import declare_parse_resume
from tasks.kafka_broker import KafkaBroker
from tasks.queue import ActorParseQueue
from tests.services.operators import CHEAP, MemoryAccounts, MemoryAttempts, MemoryAudit
from tests.unit.webapp.dashboard.in_memory import object_id
from tests.unit.webapp.dashboard.site import Site, with_operations
from tests.unit.webapp.operators_site import SECRET, SIGN_IN
from webapp.auth import CSRF_MESSAGE, configure_jwt
from webapp.errors import register_error_handlers
from webapp.operators import OperatorGuard
from webapp.operators_pages import operators_blueprint
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import SignIn
from webapp.pages import pages_blueprint

#: Nobody answers there: what is refused asks nobody.
NOWHERE = "127.0.0.1:1"
SAFE = {"GET", "HEAD", "OPTIONS"}
PLACES = {
    "job_id": object_id(3),
    "operation_id": "65f7a10000000000000b0001",
    "letter_id": "3:17",
    "queue": "resume-parse-jobs",
    "lane": "normal",
    "way": "discard",
}
ELSEWHERE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


class Accounts:
    """An operator, and the pages on which he signs in."""

    def __init__(self) -> None:
        self.known, passwords = MemoryAccounts(), Passwords(**CHEAP)
        assert self.known.create("ann", Role.OPERATOR, passwords.hash("the password of ann"))
        self.guard = OperatorGuard(self.known)
        self._sign_in = SignIn(self.known, passwords, MemoryAttempts(), MemoryAudit())

    def let_in(self, app: Flask) -> None:
        configure_jwt(
            app,
            secret=SECRET,
            identity_claim="sub",
            issuer=None,
            audience=None,
            secure_cookies=False,
        )
        app.register_blueprint(
            operators_blueprint(self.guard, self._sign_in, self.known, MemoryAudit())
        )

    @staticmethod
    def session(app: Flask) -> tuple[FlaskClient, str]:
        """Sign in; return the browser and the session's CSRF token."""
        client = app.test_client()
        answer = client.post(SIGN_IN, data={"name": "ann", "password": "the password of ann"})
        assert answer.status_code == 303
        cookie = client.get_cookie("operator")
        assert cookie
        claims = jwt.decode(cookie.value, options={"verify_signature": False})
        return client, claims["csrf"]


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def service(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """All that operators have, as wsgi.py puts it together, with no server behind it."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    settings, app = load_settings(), Flask("service", static_folder=None)
    register_error_handlers(app)
    app.register_blueprint(pages_blueprint())
    accounts.let_in(app)
    broker = KafkaBroker(bootstrap_servers=[NOWHERE])
    actor = declare_parse_resume(broker, settings.kafka.resume_parse_topic, lambda *_: None)
    client: MongoClient[dict[str, Any]] = MongoClient(f"mongodb://{NOWHERE}", connect=False)
    operators_side.add_operators_side(
        app,
        settings,
        database=client["nothing"],
        broker=broker,
        queue=ActorParseQueue(actor),
        guard=accounts.guard,
        sockets=lambda: 0,
    )
    yield app
    client.close()
    broker.close()


@pytest.fixture
def site(accounts: Accounts) -> Site:
    """The dashboard with something to change."""
    site = Site(guard=accounts.guard)
    accounts.let_in(site.app)
    with_operations(site)
    return site


def changing(app: Flask) -> list[tuple[str, str]]:
    """Return (method, address) of each route that is no mere look, but for signing in."""
    addresses = app.url_map.bind("localhost")
    return [
        (method, addresses.build(rule.endpoint, _values(rule), method=method))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - SAFE)
        if rule.rule != SIGN_IN
    ]


def _values(rule: Rule) -> dict[str, str]:
    return {name: PLACES[name] for name in rule.arguments}


def forgeries(token: str, of_another_session: str) -> dict[str, dict[str, Any]]:
    """Return requests that no form of the session sends, by what is wrong with them."""
    return {
        "no token": {},
        "an empty token": {"data": {"csrf_token": ""}},
        "a wrong token": {"data": {"csrf_token": token[::-1]}},
        "a wrong token in the header": {"headers": {"X-CSRF-TOKEN": token[::-1]}},
        "another session's token": {"data": {"csrf_token": of_another_session}},
        "a token in the address": {"query_string": {"csrf_token": token}},
        "a token in JSON": {"json": {"csrf_token": token}},
        "from another site": {"data": {"csrf_token": token}, "headers": ELSEWHERE},
    }


def test_no_route_takes_what_is_no_form_of_the_session(service: Flask, accounts: Accounts) -> None:
    client, token = accounts.session(service)
    _, other_token = accounts.session(service)
    routes = changing(service)
    let_through = [
        (method, address, wrong)
        for method, address in routes
        for wrong, request in forgeries(token, other_token).items()
        if client.open(address, method=method, **request).status_code != 403
    ]

    assert let_through == []
    assert len(routes) >= 15
    assert {address.split("/")[2] for _, address in routes} >= {"operations", "tasks", "v1"}


def test_nothing_is_changed_by_it(site: Site, accounts: Accounts) -> None:
    client, token = accounts.session(site.app)
    _, other_token = accounts.session(site.app)
    kept = (site.operations.known, site.letters.known, site.lanes.known, site.audit.noted)
    before = copy.deepcopy(kept)
    form = {"name": "default", "way": "pause", "kind": "replay", "job_ids": object_id(3)}
    for method, address in changing(site.app):
        for request in forgeries(token, other_token).values():
            data = None if "json" in request else {**form, **request.get("data", {})}
            answer = client.open(address, method=method, **{**request, "data": data})
            assert answer.status_code == 403
    assert CSRF_MESSAGE.split(":")[0] in answer.text
    assert kept == before
    assert client.get("/dashboard").status_code == 200

    paused = client.post("/dashboard/lanes", data={**form, "csrf_token": token})

    assert paused.status_code == 303
    assert site.lanes.known["default"].is_paused


def test_a_token_in_the_header_needs_none(service: Flask, accounts: Accounts) -> None:
    client, _ = accounts.session(service)
    cookie = client.get_cookie("operator")
    assert cookie
    bearer = {"Authorization": f"Bearer {cookie.value}", **ELSEWHERE}

    answer = service.test_client().post("/dashboard/sign-out", headers=bearer)

    assert answer.status_code == 303
