"""Who is let in, by what, and where everybody else is sent."""

import dataclasses
import time
import uuid
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from resumes.operating import Role
from tests.unit.webapp.operators_site import ACT, ME, SECRET, Browser, Site, is_sign_in
from webapp.operators_tokens import is_current


@pytest.fixture
def site() -> Site:
    return Site()


def problem(answer: TestResponse) -> dict[str, Any]:
    assert answer.mimetype == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    return body


def test_who_is_signed_in_is_let_in(site: Site) -> None:
    browser = site.browser().signed_in(site.new_operator())
    assert browser.get("/dashboard").status_code == 200
    assert browser.get(ME).json == {"success": True, "name": "ann", "role": "operator"}


def test_answers_to_operators_are_kept_by_nobody(site: Site) -> None:
    browser = site.browser()
    for who in (browser, site.browser().signed_in(site.new_operator())):
        for address in ("/dashboard", ME):
            assert who.get(address).headers["Cache-Control"] == "no-store"


def test_nobody_is_sent_to_the_form_and_back(site: Site) -> None:
    browser = site.browser()
    assert is_sign_in(browser.get("/dashboard"), "/dashboard")
    assert is_sign_in(
        browser.get("/dashboard/jobs?state=failed&error_text=a%20b"),
        "/dashboard/jobs?state%3Dfailed%26error_text%3Da%2520b",
    )
    assert is_sign_in(browser.get("/dashboard/a%3Fb"), "/dashboard/a%253Fb")
    assert is_sign_in(browser.post("/dashboard/act", {"a": "b"}), "/dashboard")


def test_nobody_in_the_api_gets_a_problem(site: Site) -> None:
    answer = site.browser().get(ME)
    assert answer.status_code == 401
    assert problem(answer)["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_part_of_a_page_leads_the_whole_page_to_the_form(site: Site) -> None:
    answer = site.browser().get(
        "/dashboard/part", HX_Request="true", HX_Current_URL="https://localhost/dashboard/jobs?a=b"
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/dashboard/sign-in?next=/dashboard/jobs?a%3Db"


@pytest.mark.parametrize(
    "shown",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "https://[", "/\\evil", "é"],
)
def test_no_header_leads_elsewhere(site: Site, shown: str) -> None:
    answer = site.browser().get("/dashboard/x", HX_Request="true", HX_Current_URL=shown)
    assert answer.headers["HX-Redirect"] == "/dashboard/sign-in?next=/dashboard"


@pytest.mark.parametrize("address", ["/dashboard/act", ACT])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_viewer_may_not_act_and_is_told_why(site: Site, method: str, address: str) -> None:
    browser = site.browser().signed_in(site.new_operator(role=Role.VIEWER))
    answer = browser.ask(method, address, X_CSRF_TOKEN=browser.csrf_token())
    assert answer.status_code == 403
    assert problem(answer)["code"] == "forbidden"
    assert "may look at everything but change nothing" in problem(answer)["message"]


@pytest.mark.parametrize("address", ["/dashboard/act", ACT])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_acts_with_its_csrf_token_alone(site: Site, method: str, address: str) -> None:
    browser = site.browser().signed_in(site.new_operator())
    own = browser.csrf_token()
    others = site.browser().signed_in(site.new_operator("bob")).csrf_token()
    assert own
    assert own != others
    for token in (
        None,
        "",
        others,
        own + "x",
        own[:-1],
        own.upper(),
    ):
        headers = {} if token is None else {"X_CSRF_TOKEN": token}
        for answer in (
            browser.ask(method, address, None, **headers),
            browser.ask(method, address, {} if token is None else {"csrf_token": token}),
            browser.ask(method, f"{address}?csrf_token={token or ''}"),
        ):
            assert answer.status_code == 403, token
            assert "load the page again" in problem(answer)["message"]
    assert browser.ask(method, address, X_CSRF_TOKEN=own).json == {"done_by": "ann"}
    assert browser.ask(method, address, {"csrf_token": own}).json == {"done_by": "ann"}


@pytest.mark.parametrize("token", ["\xfd", "\u1ef1"])
def test_a_csrf_token_beyond_ascii_is_none(site: Site, token: str) -> None:
    browser = site.browser().signed_in(site.new_operator())
    assert browser.post(ACT, {"csrf_token": token}).status_code == 401
    assert browser.post(ACT, X_CSRF_TOKEN=token.encode().decode("latin-1")).status_code == 401


def test_a_bearer_needs_no_csrf_token(site: Site) -> None:
    session = site.browser().signed_in(site.new_operator()).session()
    bearer = site.browser()
    assert bearer.post(ACT, Authorization=f"Bearer {session}").json == {"done_by": "ann"}
    assert bearer.get("/dashboard", Authorization=f"Bearer {session}").status_code == 200


def test_a_bad_bearer_is_not_made_good_by_a_session(site: Site) -> None:
    browser = site.browser().signed_in(site.new_operator())
    assert browser.get(ME, Authorization="Bearer garbage").status_code == 401


@pytest.mark.parametrize("address", ["/dashboard/any", "/api/v1/admin/any"])
def test_options_is_no_way_in(site: Site, address: str) -> None:
    browser = site.browser().signed_in(site.new_operator())
    assert browser.ask("OPTIONS", address).status_code in {303, 401}


# --- Tokens of others, who know the same key -------------------------------------------------


def signed(claims: dict[str, Any]) -> str:
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, SECRET, "HS256")


def good_claims(site: Site) -> dict[str, Any]:
    account = site.accounts.find("ann")
    assert account
    return {
        "sub": "operator:ann",
        "typ": "operator",
        "epoch": account.epoch,
        "jti": str(uuid.uuid4()),
        "exp": time.time() + 60,
    }


def let_in(site: Site, token: str) -> bool:
    bearer, session = site.browser(), site.browser()
    session.client.set_cookie("operator", token, domain="localhost", secure=True)
    answers = [bearer.get(ME, Authorization=f"Bearer {token}"), session.get(ME)]
    assert {answer.status_code for answer in answers} in ({200}, {401})
    return answers[0].status_code == 200


def test_the_right_claims_are_let_in(site: Site) -> None:
    site.new_operator()
    assert let_in(site, signed(good_claims(site)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"typ": None},
        {"typ": "user"},
        {"typ": ["operator"]},
        {"typ": True},
        {"typ": "operator_browser"},
        {"sub": None},
        {"sub": "ann"},
        {"sub": "operator:"},
        {"sub": "operator:bob"},
        {"sub": "operator:Ann"},
        {"sub": "operator: ann"},
        {"sub": "operator:ann "},
        {"sub": "OPERATOR:ann"},
        {"sub": "operator:operator:ann"},
        {"sub": "operator_browser:ann"},
        {"sub": ["operator:ann"]},
        {"sub": {"$ne": None}},
        {"sub": "operator:{'$ne': null}"},
        {"sub": "6" * 24},
        {"epoch": None},
        {"epoch": ""},
        {"epoch": 0},
        {"epoch": True},
        {"epoch": {"$ne": ""}},
        {"epoch": ["x"]},
        {"epoch": "0" * 32},
        {"epoch": "é"},
        {"epoch": "\ud800"},
        {"jti": None},
        {"jti": 1},
        {"jti": "x"},
        {"jti": "\ud800"},
        {"jti": {"$ne": ""}},
        {"exp": None},
        {"exp": 1},
        {"type": "refresh"},
    ],
    ids=str,
)
def test_one_wrong_claim_is_enough(site: Site, wrong: dict[str, Any]) -> None:
    site.new_operator()
    assert not let_in(site, signed({**good_claims(site), **wrong}))


def test_a_role_in_a_token_is_not_read(site: Site) -> None:
    site.new_operator(role=Role.VIEWER)
    token = signed({**good_claims(site), "role": "operator"})
    answer = site.browser().post(ACT, Authorization=f"Bearer {token}")
    assert answer.status_code == 403


def test_the_mark_of_a_browser_gives_no_rights(site: Site) -> None:
    browser = site.browser().signed_in(site.new_operator())
    mark = browser.client.get_cookie("operator-browser", path="/dashboard/sign-in")
    assert mark
    assert not let_in(site, mark.value)


def test_the_identity_claim_may_have_another_name() -> None:
    site = Site(identity_claim="uid")
    assert site.browser().signed_in(site.new_operator()).get(ME).status_code == 200
    claims = good_claims(site)
    assert not let_in(site, signed(claims))
    assert let_in(site, signed({**claims, "uid": claims["sub"], "sub": "6" * 24}))


# --- Whatever ends sessions does so at once ------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        lambda accounts: accounts.set_password("ann", "x"),
        lambda accounts: accounts.set_role("ann", Role.OPERATOR),
        lambda accounts: accounts.disable("ann"),
        lambda accounts: accounts.end_sessions("ann"),
    ],
    ids=["new password", "new role", "disabled", "signed out everywhere"],
)
def test_sessions_end_at_once(site: Site, end: Any) -> None:
    who = site.new_operator()
    browsers: list[Browser] = [site.browser().signed_in(who) for _ in range(2)]
    assert end(site.accounts)
    for browser in browsers:
        assert browser.get(ME).status_code == 401
        assert is_sign_in(browser.get("/dashboard"), "/dashboard")


def test_a_disabled_account_lets_no_token_in(site: Site) -> None:
    """Whoever disabled it, by whatever means: its epoch may be the same."""
    site.new_operator()
    account = site.accounts.find("ann")
    assert account
    assert is_current(good_claims(site), account)
    assert not is_current(good_claims(site), dataclasses.replace(account, is_disabled=True))
