"""Operators of the running service: signing in and out over two web processes, and the commands."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
import requests
import websocket

from resumes.operating import Role
from tests.services.client import JOB_STATUS, UPLOAD, ServiceClient, random_id
from tests.services.operators import Credentials, new_operator
from tests.services.stack import ServiceStack
from webapp.operators_sign_in import ADDRESS_LIMIT

ROOT = Path(__file__).parents[2]
SIGN_IN = "/dashboard/sign-in"
ME = "/api/v1/admin/me"


class Browser:
    """One that keeps cookies and follows no redirect."""

    def __init__(self, session: requests.Session) -> None:
        self.session = session

    def get(self, client: ServiceClient, path: str, **headers: str) -> requests.Response:
        return self.session.get(
            f"{client.url}{path}", headers=headers, timeout=30, allow_redirects=False
        )

    def post(
        self, client: ServiceClient, path: str, data: dict[str, str] | None = None, **headers: str
    ) -> requests.Response:
        return self.session.post(
            f"{client.url}{path}", data=data, headers=headers, timeout=30, allow_redirects=False
        )

    def sign_in(
        self, client: ServiceClient, who: Credentials, next_address: str = ""
    ) -> requests.Response:
        form = {"name": who.name, "password": who.password, "next": next_address}
        return self.post(client, SIGN_IN, form)

    def is_in(self, client: ServiceClient) -> bool:
        answer = self.get(client, ME)
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    @property
    def token(self) -> str:
        # The cookie is of a host, not of a port: both web processes share it here.
        return str(self.session.cookies.get("operator"))

    def csrf_token(self) -> str:
        claims = jwt.decode(self.token, options={"verify_signature": False})
        return str(claims["csrf"])


@pytest.fixture
def browser(quiet: ServiceClient) -> Iterator[Browser]:
    quiet.database["sign_in_attempts"].delete_many({})
    with requests.Session() as session:
        yield Browser(session)


@pytest.fixture
def ann(quiet: ServiceClient) -> Credentials:
    return new_operator(quiet.database)


def flask(stack: ServiceStack, *arguments: str, stdin: str = "") -> str:
    env = {
        "APP_ENV": "development",
        "KAFKA_BROKERS": stack.kafka_bootstrap,
        "DATABASE_SOURCE": stack.mongo_uri,
        "DATABASE_NAME": stack.database_name,
        "JWT_SECRET": stack.jwt_secret,
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "operator", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_operator_signs_in_at_one_process_and_is_known_to_the_other(
    quiet: ServiceClient, quiet_other: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    form = browser.get(quiet, f"{SIGN_IN}?next=/dashboard/jobs")
    assert form.status_code == 200
    assert 'value="/dashboard/jobs"' in form.text
    assert "form-action 'self'" in form.headers["Content-Security-Policy"]
    assert not browser.is_in(quiet)
    answer = browser.sign_in(quiet, ann, "/dashboard/jobs")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/jobs")
    assert re.search(
        r"operator=[\w.-]+; HttpOnly; Path=/; SameSite=Strict", answer.headers["Set-Cookie"]
    )
    for client in (quiet, quiet_other):
        assert browser.get(client, ME).json() == {
            "success": True,
            "name": ann.name,
            "role": "operator",
        }


def test_signing_out_is_seen_by_all_processes_at_once(
    quiet: ServiceClient, quiet_other: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    browser.sign_in(quiet, ann)
    token = browser.token
    assert browser.post(quiet, "/dashboard/sign-out").status_code == 403
    csrf_token = browser.csrf_token()
    answer = browser.post(quiet, "/dashboard/sign-out", {"csrf_token": csrf_token})
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    assert browser.session.cookies.get("operator") is None
    assert browser.get(quiet_other, ME, Authorization=f"Bearer {token}").status_code == 401
    again = browser.post(quiet_other, "/dashboard/sign-out", {"csrf_token": csrf_token})
    assert again.headers["Location"] == f"{SIGN_IN}?next=/dashboard"


def test_signing_out_everywhere_ends_each_session_and_token(
    quiet: ServiceClient,
    quiet_other: ServiceClient,
    quiet_stack: ServiceStack,
    browser: Browser,
    ann: Credentials,
) -> None:
    script = {"Authorization": f"Bearer {flask(quiet_stack, 'token', ann.name).split()[-1]}"}
    assert browser.get(quiet, ME, **script).status_code == 200
    browser.sign_in(quiet, ann)
    headers = {"X-CSRF-TOKEN": browser.csrf_token()}
    assert browser.post(quiet, "/dashboard/sign-out-everywhere", None, **headers).status_code == 303
    assert browser.get(quiet_other, ME, **script).status_code == 401


def test_the_commands_make_and_end_accounts(
    quiet: ServiceClient, quiet_other: ServiceClient, quiet_stack: ServiceStack, browser: Browser
) -> None:
    who = Credentials(f"cli-{random_id()}", "mật khẩu của tôi")
    making = ("create", who.name, "--role", "viewer", "--password-stdin")
    flask(quiet_stack, *making, stdin=f"{who.password}\n")
    assert f"{who.name}\tviewer\tenabled" in flask(quiet_stack, "ls")
    assert browser.sign_in(quiet, who).status_code == 303
    assert browser.get(quiet_other, ME).json()["role"] == "viewer"
    flask(quiet_stack, "disable", who.name)
    for client in (quiet, quiet_other):
        assert not browser.is_in(client)
    assert browser.sign_in(quiet, who).status_code == 401


def test_no_user_is_an_operator_and_no_operator_a_user(
    quiet: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    user = quiet.new_user(role="operator")
    assert browser.get(quiet, ME, Authorization=f"Bearer {user.token}").status_code == 401
    browser.sign_in(quiet, ann)
    token = browser.token
    # The cookie alone, then the header: neither is a user's.
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        for method, path in (
            ("POST", UPLOAD),
            ("GET", f"{JOB_STATUS}?job_id={random_id()}"),
            ("GET", f"/api/v1/resumes/{random_id()}"),
            ("POST", "/api/v1/ws-ticket"),
        ):
            answer = browser.session.request(
                method, f"{quiet.url}{path}", headers=headers, timeout=30
            )
            assert answer.status_code == 401, (method, path)
    for query in (f"token={token}", ""):
        with (
            pytest.raises(websocket.WebSocketBadStatusException, match="401"),
            quiet.socket(user, query or "x", cookie=f"operator={token}"),
        ):
            pass


def test_a_token_of_another_service_with_the_same_key_is_none(
    quiet: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    claims = {"sub": f"operator:{ann.name}", "typ": "operator", "role": "operator"}
    for epoch in (None, "", 0, "0" * 32, {"$ne": None}):
        token = quiet.token(**claims, epoch=epoch, jti="11111111-1111-4111-8111-111111111111")
        assert browser.get(quiet, ME, Authorization=f"Bearer {token}").status_code == 401


def test_guesses_at_once_are_counted_by_all_processes_together(
    quiet: ServiceClient, quiet_other: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    """Attempts that were counted only after they failed would all be made."""
    form = {"name": ann.name, "password": "not the password"}

    def guess(number: int) -> int:
        url = (quiet, quiet_other)[number % 2].url
        return requests.post(f"{url}{SIGN_IN}", data=form, timeout=60).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(guess, range(40)))
    assert statuses.count(401) == ADDRESS_LIMIT
    assert statuses.count(429) == 40 - ADDRESS_LIMIT
    slowed = browser.sign_in(quiet, ann)
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["Retry-After"]) <= 900


def test_behind_a_proxy_each_client_is_slowed_by_itself(
    quiet: ServiceClient, browser: Browser, ann: Credentials
) -> None:
    """The stack trusts one proxy: what stands last is the address that it has seen."""
    form = {"name": ann.name, "password": "not the password"}

    def guess(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        answer = requests.post(f"{quiet.url}{SIGN_IN}", data=form, headers=headers, timeout=60)
        return answer.status_code

    for number in range(ADDRESS_LIMIT):
        assert guess(f"10.0.0.{number}, 192.0.2.1") == 401
    assert guess("10.0.0.99, 192.0.2.1") == 429
    assert guess("192.0.2.1, 192.0.2.2") == 401
    assert browser.sign_in(quiet, ann).status_code == 303


def test_a_viewers_role_is_read_anew_at_each_request(
    quiet: ServiceClient, quiet_stack: ServiceStack, browser: Browser
) -> None:
    who = new_operator(quiet.database, Role.VIEWER)
    browser.sign_in(quiet, who)
    flask(quiet_stack, "set-role", who.name, "--role", "operator")
    assert not browser.is_in(quiet)
    browser.sign_in(quiet, who)
    assert browser.get(quiet, ME).json()["role"] == "operator"
