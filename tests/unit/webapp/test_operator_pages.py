"""Signing in and out as a browser does it."""

import jwt
import pytest
from prometheus_client import REGISTRY

from tests.services.operators import Credentials
from tests.unit.webapp.operators_site import ACT, ME, SIGN_IN, Site
from webapp.operators import safe_next
from webapp.operators_passwords import Passwords
from webapp.operators_sign_in import ACCOUNT_LIMIT, ADDRESS_LIMIT, BROWSER_LIMIT


@pytest.fixture
def site() -> Site:
    return Site()


WRONG = Credentials("ann", "not the password of ann")


def test_the_form_works_without_scripts(site: Site) -> None:
    html = site.browser().get(f"{SIGN_IN}?next=/dashboard/jobs?state%3Dfailed").text
    assert '<form class="card" method="post" action="/dashboard/sign-in">' in html
    assert 'name="next" value="/dashboard/jobs?state=failed"' in html
    assert "<style" not in html
    assert " style=" not in html


def test_signing_in_leads_to_where_one_wanted_to_go(site: Site) -> None:
    who = site.new_operator()
    answer = site.browser().sign_in(who, "/dashboard/jobs?state=failed")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/jobs?state=failed")
    assert site.browser().sign_in(who).headers["Location"] == "/dashboard"
    assert site.audit.entries == [("ann", "signed_in", "ann")] * 2


def test_a_name_is_taken_as_it_is_typed_on_a_phone(site: Site) -> None:
    who = site.new_operator()
    assert site.browser().sign_in(Credentials(" Ann ", who.password)).status_code == 303


@pytest.mark.parametrize("wanted", [
    "", "/", "jobs", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https://evil.example", "https:evil.example", "javascript:alert(1)", "/dashboard.evil.example",
    "/dashboardx", "/dashboard\\@evil", "/dashboard/\r\nSet-Cookie: a=b", "/dashboard/\tx",
    "/dashboard/é", "/dashboard/ x", "/dashboard/\0", " /dashboard/x", "/dashboard/sign-out",
    "/dashboard/sign-in?next=/x", "/dashboard/" + "x" * 2_001, "/api/v1/admin/me", "/Dashboard/x",
])  # fmt: skip
def test_signing_in_leads_to_the_dashboard_alone(site: Site, wanted: str) -> None:
    assert safe_next(wanted) == "/dashboard"
    answer = site.browser().sign_in(site.new_operator(), wanted)
    assert answer.headers["Location"] == "/dashboard"


@pytest.mark.parametrize(
    "wanted",
    ["/dashboard", "/dashboard/", "/dashboard/x?a=//b", "/dashboard?a=b", "/dashboard/a%20b"],
)
def test_the_dashboards_pages_are_good_addresses(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize(("secure", "name"), [(True, "__Host-operator"), (False, "operator")])
def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(
    secure: bool, name: str
) -> None:
    site = Site(secure_cookies=secure)
    browser = site.browser()
    cookies = browser.cookies(browser.sign_in(site.new_operator()))
    mark = "__Secure-operator-browser" if secure else "operator-browser"
    assert set(cookies) == {name, mark}
    for cookie, path in ((name, "/"), (mark, SIGN_IN)):
        _, *flags = cookies[cookie].split("; ")
        wanted = {"HttpOnly", "SameSite=Strict", f"Path={path}"} | ({"Secure"} if secure else set())
        assert wanted <= set(flags)
        assert ("Secure" in flags) == secure
        assert not any(flag.startswith("Domain") for flag in flags)
    # Without an end of its own, it ends with the browser.
    assert "Expires" not in cookies[name]
    assert "Max-Age" not in cookies[name]


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(site: Site) -> None:
    browser = site.browser().signed_in(site.new_operator())
    claims = jwt.decode(browser.session(), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 12 * 3600
    for _ in range(3):
        assert browser.cookies(browser.get("/dashboard")) == {}


def test_refusals_are_alike_whoever_is_meant(site: Site) -> None:
    who = site.new_operator()
    disabled = site.new_operator("bob")
    site.accounts.disable("bob")
    answers = [
        site.browser().sign_in(credentials)
        for credentials in (
            WRONG,
            Credentials("nobody", who.password),
            disabled,
            Credentials("ann", ""),
            Credentials("ann", "x" * 1_100),
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    texts = {
        answer.text.replace(f'value="{name}"', "")
        for answer, name in zip(answers, ("ann", "nobody", "bob", "ann", "ann"), strict=True)
    }
    assert len(texts) == 1
    assert "do not match" in texts.pop()
    assert not any(answer.headers.getlist("Set-Cookie") for answer in answers)


def test_a_refusal_is_noted_and_never_by_what_is_no_name(site: Site) -> None:
    site.new_operator()
    site.browser().sign_in(WRONG)
    site.browser().sign_in(Credentials("my-secret-password", ""))
    assert site.audit.entries == [
        ("", "sign_in_refused", "ann"),
        ("", "sign_in_refused", "no account"),
    ]


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("resume_operator_sign_ins_total", {"outcome": outcome}) or 0


def test_attempts_are_counted_by_their_outcome_alone(site: Site) -> None:
    outcomes = ["success", "wrong_password", "locked"]
    before = [counted(outcome) for outcome in outcomes]
    who = site.new_operator()
    site.browser().sign_in(who)
    for _ in range(ADDRESS_LIMIT):
        site.browser().sign_in(Credentials("nobody", who.password))
    site.browser().sign_in(WRONG)
    after = [counted(outcome) for outcome in outcomes]
    assert [now - was for was, now in zip(before, after, strict=True)] == [1, ADDRESS_LIMIT, 1]


def test_a_password_is_not_written_back(site: Site) -> None:
    assert WRONG.password not in site.browser().sign_in(WRONG).text


def test_other_sites_sign_nobody_in(site: Site) -> None:
    who = site.new_operator()
    form = {"name": who.name, "password": who.password}
    for origin, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        assert site.browser().post(SIGN_IN, form, Sec_Fetch_Site=origin).status_code == status


def test_an_older_hash_is_renewed(site: Site) -> None:
    old = Passwords(memory_kib=16, passes=1).hash("the password of ann")
    who = site.new_operator()
    account = site.accounts.find("ann")
    assert account
    site.accounts.rehash("ann", account.password_hash, old)
    session = site.browser().signed_in(who)
    renewed = site.accounts.find("ann")
    assert renewed
    assert renewed.password_hash != old
    assert site.browser().sign_in(who).status_code == 303
    assert session.get(ME).status_code == 200  # the same password: no session ends


# --- Signing out --------------------------------------------------------------------------------


def test_signing_out_ends_this_session_for_whoever_has_its_token(site: Site) -> None:
    who = site.new_operator()
    browser, other = site.browser().signed_in(who), site.browser().signed_in(who)
    token = browser.session()
    answer = browser.post("/dashboard/sign-out", {"csrf_token": browser.csrf_token()})
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    assert browser.client.get_cookie("operator") is None
    assert site.browser().get(ME, Authorization=f"Bearer {token}").status_code == 401
    assert other.get(ME).status_code == 200
    assert site.audit.entries[-1] == ("ann", "signed_out", "ann")


def test_signing_out_everywhere_ends_all_sessions(site: Site) -> None:
    who = site.new_operator()
    browser, other = site.browser().signed_in(who), site.browser().signed_in(who)
    answer = browser.post("/dashboard/sign-out-everywhere", {"csrf_token": browser.csrf_token()})
    assert answer.headers["Location"] == SIGN_IN
    assert other.get(ME).status_code == 401
    assert site.audit.entries[-1] == ("ann", "signed_out_everywhere", "ann")
    assert browser.sign_in(who).status_code == 303


@pytest.mark.parametrize("path", ["/dashboard/sign-out", "/dashboard/sign-out-everywhere"])
def test_nobody_is_signed_out_by_another_site(site: Site, path: str) -> None:
    browser = site.browser().signed_in(site.new_operator())
    assert browser.post(path).status_code == 403
    assert browser.get(path).status_code != 303
    assert browser.get(ME).status_code == 200


# --- Guessing -----------------------------------------------------------------------------------


def test_an_address_is_slowed_whatever_the_names(site: Site) -> None:
    who = site.new_operator()
    for number in range(ADDRESS_LIMIT):
        answer = site.browser().sign_in(Credentials(f"name-{number}", WRONG.password))
        assert answer.status_code == 401
    slowed = site.browser().sign_in(who)
    assert slowed.status_code == 429
    assert slowed.headers["Retry-After"] == "900"
    assert "Try again in 15 minutes" in slowed.text
    assert not slowed.headers.getlist("Set-Cookie")


def test_an_account_is_slowed_whatever_the_addresses(site: Site) -> None:
    who = site.new_operator()
    for name in ("ann", "nobody"):  # the same for both, so it tells nothing
        attacker = Credentials(name, WRONG.password)
        answers = []
        for number in range(ACCOUNT_LIMIT + 1):
            site.attempts.counts.pop("address 127.0.0.1", None)
            answers.append(site.browser().sign_in(attacker).status_code)
            assert number < ACCOUNT_LIMIT or answers[-1] == 429
        assert set(answers[:-1]) == {401}
    site.attempts.counts.pop("address 127.0.0.1", None)
    assert site.browser().sign_in(who).status_code == 429


def test_strangers_do_not_lock_an_operator_out_of_his_own_browser(site: Site) -> None:
    who, bob = site.new_operator(), site.new_operator("bob")
    own = site.browser().signed_in(who)
    own.post("/dashboard/sign-out", {"csrf_token": own.csrf_token()})
    for _ in range(ACCOUNT_LIMIT + ADDRESS_LIMIT):
        stranger = site.browser().sign_in(WRONG)
    assert stranger.status_code == 429
    assert own.sign_in(who).status_code == 303
    assert own.sign_in(bob).status_code == 429  # it is Ann's browser, not Bob's


def test_a_known_browser_is_slowed_by_itself(site: Site) -> None:
    own = site.browser().signed_in(site.new_operator())
    for _ in range(BROWSER_LIMIT):
        assert own.sign_in(WRONG).status_code == 401
    assert own.sign_in(WRONG).status_code == 429
    assert site.browser().sign_in(WRONG).status_code == 401


def test_signing_in_uses_nothing_up(site: Site) -> None:
    who = site.new_operator()
    for _ in range(ADDRESS_LIMIT * 2):
        assert site.browser().sign_in(who).status_code == 303
    own = site.browser().signed_in(who)
    for _ in range(BROWSER_LIMIT * 2):
        assert own.sign_in(who).status_code == 303
    assert set(site.attempts.counts.values()) == {0}


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("no address", "", True),
    ],
)
def test_what_one_client_has_is_one_address(
    site: Site, one: str, other: str, are_one: bool
) -> None:
    for address in (one, other):
        site.app.test_client().post(
            SIGN_IN, data=WRONG._asdict(), environ_overrides={"REMOTE_ADDR": address}
        )
    keys = [key for key in site.attempts.counts if key.startswith("address")]
    assert len(keys) == (1 if are_one else 2)


@pytest.mark.parametrize("mark", ["", "x", "a.b.c", "é"])
def test_a_forged_mark_is_none(site: Site, mark: str) -> None:
    browser = site.browser()
    browser.client.set_cookie("operator-browser", mark, domain="localhost", path=SIGN_IN)
    browser.sign_in(WRONG)
    assert set(site.attempts.counts) == {"address 127.0.0.1", "account ann"}


def test_a_session_is_no_mark(site: Site) -> None:
    session = site.browser().signed_in(site.new_operator()).session()
    browser = site.browser()
    browser.client.set_cookie("operator-browser", session, domain="localhost", path=SIGN_IN)
    browser.sign_in(WRONG)
    assert not any(key.startswith("browser") for key in site.attempts.counts)


def test_a_form_is_no_flood(site: Site) -> None:
    browser = site.browser()
    form = {**WRONG._asdict(), "more": "x" * 20_000}
    assert browser.post(SIGN_IN, form).status_code == 413
    assert browser.post(ACT).status_code == 401
