"""The operators' door: forged sessions and forms, queries as names, ways out of the dashboard."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import jwt
import pytest
import requests

from resumes.operating import Role
from tests.hostile.forms import CONTENT_TYPE, field, form
from tests.hostile.target import AUDIENCE, ISSUER, Target, is_problem
from tests.hostile.test_operators import OPERATORS
from tests.hostile.wire import Answer, request
from tests.services.operators import Credentials, new_operator
from webapp.operators_sign_in import ADDRESS_LIMIT

SIGN_IN = "/dashboard/sign-in"
SIGN_OUT = "/dashboard/sign-out"
ME = "/api/v1/admin/me"
URLENCODED = "Content-Type: application/x-www-form-urlencoded"
SAME_LENGTH = "not the password"


@pytest.fixture(autouse=True)
def forgotten(target: Target) -> None:
    """One test's attempts slow no other down."""
    target.database["sign_in_attempts"].delete_many({})


@pytest.fixture
def ann(target: Target) -> Credentials:
    return new_operator(target.database)


@pytest.fixture
def session(target: Target, ann: Credentials) -> Iterator[requests.Session]:
    """A browser in which Ann is signed in."""
    with requests.Session() as session:
        answer = session.post(
            f"{target.url}{SIGN_IN}", data=ann._asdict(), timeout=30, allow_redirects=False
        )
        assert answer.status_code == 303
        yield session


def token_of(session: requests.Session) -> str:
    return str(session.cookies["operator"])


def claims_of(session: requests.Session) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token_of(session), options={"verify_signature": False, "verify_aud": False}
    )
    return claims


def submit(target: Target, *headers: str, **values: str) -> Answer:
    body = urlencode(values).encode()
    return target.ask(request("POST", SIGN_IN, URLENCODED, *headers, body=body))


def is_refused(answer: Answer) -> bool:
    """True for the form, shown again."""
    assert answer.status == 401, answer
    assert "set-cookie" not in answer.headers
    return b"do not match" in answer.body


# --- Names and passwords -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [*OPERATORS, "<script>alert(1)</script>", "{{7*7}}", '"><img>'])
@pytest.mark.parametrize("where", ["name", "password"])
def test_values_are_text(target: Target, ann: Credentials, where: str, value: str) -> None:
    answer = submit(target, **{**ann._asdict(), where: value})
    assert is_refused(answer)
    for hole in (b"<script>alert", b'value="49"', b"<img>"):
        assert hole not in answer.body


FORMS: dict[str, tuple[str, bytes]] = {
    "nothing": (URLENCODED, b""),
    "no type": ("X-Type: none", b"name={name}&password={password}"),
    "operators in keys": (URLENCODED, b"name={name}&password[$ne]="),
    "operators in both": (URLENCODED, b"name[$ne]=&password[$ne]="),
    "dots in keys": (URLENCODED, b"name={name}&password.$gt="),
    "JSON": ("Content-Type: application/json", b'{"name": "{name}", "password": "{password}"}'),
    "JSON operators": ("Content-Type: application/json", b'{"name": {"$ne": 1}}'),
    "text": ("Content-Type: text/plain", b"name={name}&password={password}"),
    "no charset's bytes": (URLENCODED, b"name={name}&password=%ff%fe%00"),
    "half an escape": (URLENCODED, b"name={name}&password=%"),
    "surrogates": (URLENCODED, b"name={name}&password=%ed%a0%80"),
    "thousands of fields": (URLENCODED, b"a=1&" * 3_000),
    "a wrong password first": (URLENCODED, b"name={name}&password=x&password={password}"),
    "deep": (URLENCODED, b"name" + b"[x]" * 3_000 + b"=1"),
    "files": (CONTENT_TYPE, form(field("name"), field("password"))),
    "no boundary": ("Content-Type: multipart/form-data", b"--x\r\n\r\n"),
}


@pytest.mark.parametrize("case", FORMS)
def test_what_is_no_form_signs_nobody_in(target: Target, ann: Credentials, case: str) -> None:
    header, body = FORMS[case]
    filled = body.replace(b"{name}", ann.name.encode()).replace(
        b"{password}", ann.password.encode()
    )
    assert is_refused(target.ask(request("POST", SIGN_IN, header, body=filled)))


@pytest.mark.parametrize("size_bytes", [17_000, 2_000_000])
@pytest.mark.parametrize("header", [URLENCODED, CONTENT_TYPE])
def test_a_form_is_small(target: Target, ann: Credentials, header: str, size_bytes: int) -> None:
    long = b"x" * size_bytes
    body = form(field("name", long)) if header == CONTENT_TYPE else b"name=" + long
    assert is_problem(target.ask(request("POST", SIGN_IN, header, body=body)), 413)
    query = urlencode({**ann._asdict(), "password": SAME_LENGTH})
    assert is_refused(target.ask(request("POST", SIGN_IN, URLENCODED, body=query.encode())))


def test_credentials_in_the_address_are_not_read(target: Target, ann: Credentials) -> None:
    query = urlencode(ann._asdict())
    assert target.ask(request("GET", f"{SIGN_IN}?{query}")).headers.get("set-cookie") is None
    assert is_refused(target.ask(request("POST", f"{SIGN_IN}?{query}", URLENCODED, body=b"")))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "SIGNIN"])
def test_no_other_method_signs_in(target: Target, ann: Credentials, method: str) -> None:
    body = urlencode(ann._asdict()).encode()
    assert is_problem(target.ask(request(method, SIGN_IN, URLENCODED, body=body)), 405)
    override = f"X-HTTP-Method-Override: {method}"
    wrong = urlencode({**ann._asdict(), "password": SAME_LENGTH}).encode()
    assert is_refused(target.ask(request("POST", SIGN_IN, URLENCODED, override, body=wrong)))


# --- Ways out ------------------------------------------------------------------------------------


WAYS_OUT = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:/evil.example",
    "https:evil.example",
    "http:\\\\evil.example",
    "javascript:alert(document.cookie)",
    "data:text/html,x",
    "/dashboard@evil.example",
    "/dashboard.evil.example",
    "/dashboard\\..\\..\\evil",
    "/dashboard/\nLocation: https://evil.example",
    "/dashboard/\r\nSet-Cookie: operator=x",
    "/dashboard/\x00",
    "/dashboard/\u2028x",
    "/dashboard/\u0085x",
    "\t//evil.example",
    "/\t/evil.example",
    " https://evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/api/v1/admin/me",
    "/dashboard/sign-out",
    "/dashboard/" + "x" * 3_000,
]


@pytest.mark.parametrize("address", WAYS_OUT)
def test_signing_in_leads_nowhere_else(target: Target, ann: Credentials, address: str) -> None:
    shown = target.ask(request("GET", f"{SIGN_IN}?next={quote(address, safe='')}"))
    assert shown.status == 200
    assert b'name="next" value="/dashboard"' in shown.body
    assert b'href="/dashboard"' in shown.body
    assert b"evil" not in shown.body
    answer = requests.post(
        f"{target.url}{SIGN_IN}",
        data={**ann._asdict(), "next": address},
        timeout=30,
        allow_redirects=False,
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: //evil.example",
        "X-Original-URL: //evil.example",
        "HX-Current-URL: https://evil.example//evil.example",
        "Referer: https://evil.example",
    ],
)
def test_no_header_sets_the_way(target: Target, header: str) -> None:
    for more in ((), ("HX-Request: true",)):
        answer = target.ask(request("POST", SIGN_OUT, header, *more, body=b""))
        address = answer.headers.get("location") or answer.headers["hx-redirect"]
        assert address == f"{SIGN_IN}?next=/dashboard"


def test_another_host_name_sets_no_way(target: Target) -> None:
    head = f"POST {SIGN_OUT} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
    assert target.ask(head.encode()).headers["location"] == f"{SIGN_IN}?next=/dashboard"


# --- Sessions ------------------------------------------------------------------------------------


def test_a_session_is_good_until_something_about_it_is_wrong(
    target: Target, session: requests.Session
) -> None:
    claims = claims_of(session)
    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
    again = jwt.encode(claims, target.secret.decode(), "HS256")
    assert target.ask(request("GET", ME, f"Authorization: Bearer {again}")).status == 200


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"typ": None},
    {"typ": "user"},
    {"typ": ["operator"]},
    {"typ": {"$ne": None}},
    {"sub": "operator:"},
    {"sub": "operator:{$ne}"},
    {"sub": {"$ne": None}},
    {"sub": ["operator"]},
    {"sub": "operator:\ud800"},
    {"sub": "operator:" + "x" * 5_000},
    {"sub": "6" * 24},
    {"epoch": None},
    {"epoch": ""},
    {"epoch": {"$ne": None}},
    {"epoch": ["x"]},
    {"epoch": "\ud800"},
    {"epoch": 10**400},
    {"epoch": "0" * 32},
    {"jti": None},
    {"jti": {"$ne": None}},
    {"jti": "\ud800"},
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another"},
    {"aud": None},
    {"exp": None},
    {"exp": 1},
    {"exp": 10**400},
    {"exp": True},
    {"nbf": 10**10},
    {"iat": 10**10},
    {"type": "refresh"},
    {"type": None, "typ": "access"},
]


@pytest.mark.parametrize("wrong", WRONG_CLAIMS, ids=lambda wrong: json.dumps(wrong)[:40])
@pytest.mark.parametrize("as_cookie", [True, False], ids=["cookie", "header"])
def test_a_signature_alone_opens_nothing(
    target: Target, session: requests.Session, wrong: dict[str, Any], as_cookie: bool
) -> None:
    """The customer's other services sign with the same key."""
    claims = {k: v for k, v in {**claims_of(session), **wrong}.items() if v is not None}
    # PyJWT itself refuses to write some of these.
    token = jwt.api_jws.encode(json.dumps(claims).encode(), target.secret, "HS256")
    header = f"Cookie: operator={token}" if as_cookie else f"Authorization: Bearer {token}"
    assert is_problem(target.ask(request("GET", ME, header)), 401, "unauthorized")


@pytest.mark.parametrize(
    "cookie",
    [
        "operator=",
        "operator=x",
        "operator=a.b.c",
        "operator=" + "x" * 7_000,
        "operator=" + "." * 5_000,
        'operator="\\000\\377"',
        "operator=\xff\xfe",
        "operator",
        "=; operator==; ;;",
        "OPERATOR={token}",
        "__Host-operator={token}",
        "access_token_cookie={token}",
        "operator={token}x",
        "operator=; operator={token}",
    ],
)
def test_what_is_no_session_opens_nothing(
    target: Target, session: requests.Session, cookie: str
) -> None:
    header = "Cookie: " + cookie.replace("{token}", token_of(session))
    assert is_problem(target.ask(request("GET", ME, header)), 401, "unauthorized")


def test_a_session_acts_by_forms_of_its_own_alone(
    target: Target, session: requests.Session
) -> None:
    cookie = f"Cookie: operator={token_of(session)}"
    token = claims_of(session)["csrf"]
    field_of_it, in_json = f"csrf_token={token}".encode(), b'{"csrf_token": "%b"}' % token.encode()
    for path, header, body in (
        (SIGN_OUT, "", b""),
        (f"{SIGN_OUT}?csrf_token={token}", "", b""),
        (SIGN_OUT, "Content-Type: text/plain", field_of_it),
        (SIGN_OUT, "Content-Type: application/json", in_json),
        (SIGN_OUT, f"Cookie: csrf_access_token={token}", b""),
        (SIGN_OUT, f"X-CSRF-TOKEN: {token[:-1]}", b""),
        (SIGN_OUT, f"X-CSRF-TOKEN: {token}, x", b""),
        (SIGN_OUT, URLENCODED, b"csrf_token=x&" + field_of_it),
    ):
        attempt = request("POST", path, cookie, *([header] if header else []), body=body)
        assert is_problem(target.ask(attempt), 403, "forbidden")
    assert session.get(f"{target.url}{ME}", timeout=30).status_code == 200
    done = target.ask(request("POST", SIGN_OUT, cookie, f"X-CSRF-TOKEN: {token}", body=b""))
    assert done.headers["location"] == SIGN_IN


def test_another_operators_form_is_not_ones_own(target: Target, session: requests.Session) -> None:
    mallory = new_operator(target.database, Role.VIEWER)
    with requests.Session() as theirs:
        theirs.post(f"{target.url}{SIGN_IN}", data=mallory._asdict(), timeout=30)
        token = claims_of(theirs)["csrf"]
    answer = session.post(f"{target.url}{SIGN_OUT}", data={"csrf_token": token}, timeout=30)
    assert answer.status_code == 403


# --- Guessing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For: {n}.0.0.1",
        "Forwarded: for={n}.0.0.1",
        "X-Real-IP: {n}.0.0.1",
        "X-Client-IP: {n}.0.0.1",
        "True-Client-IP: {n}.0.0.1",
        "Cookie: operator-browser={n}",
        "Via: {n}",
    ],
)
def test_no_header_makes_a_client_another(target: Target, ann: Credentials, header: str) -> None:
    wrong = {**ann._asdict(), "password": SAME_LENGTH}
    for number in range(ADDRESS_LIMIT):
        assert is_refused(submit(target, header.replace("{n}", str(number)), **wrong))
    slowed = submit(target, header.replace("{n}", "99"), **ann._asdict())
    assert slowed.status == 429
    assert 0 < int(slowed.headers["retry-after"]) <= 900
    assert b"Too many attempts" in slowed.body


def test_whose_accounts_there_are_is_not_told(target: Target, ann: Credentials) -> None:
    def told(name: str) -> tuple[int, set[str], bytes]:
        answer = submit(target, name=name, password=SAME_LENGTH)
        body = answer.body.replace(name.encode(), b"")
        return answer.status, set(answer.headers), body

    assert told(ann.name) == told("op-00000000")
