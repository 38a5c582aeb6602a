"""CONTRACT part 1, the row of bad tokens: one generic 401 for every one of them, on every route."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
import requests

from tests.services.client import JOB_STATUS, ServiceClient, random_id

USER = "<a known user>"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: Any, payload: Any, secret: bytes = b"") -> str:
    """Sign what no library would."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    ]
    signed = ".".join(b64(part) for part in parts)
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{b64(signature)}"


CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": time.time() - 5},
    "not yet valid": {"nbf": time.time() + 86_400},
    "no exp": {"exp": None},
    "exp is text": {"exp": "tomorrow"},
    "exp is true": {"exp": True},
    "exp has 400 digits": {"exp": 10**400},
    "no sub": {"sub": None},
    "sub is empty": {"sub": ""},
    "sub is a word": {"sub": "admin"},
    "sub is a number": {"sub": 12},
    "sub is an object": {"sub": {"$ne": None}},
    "sub is a list": {"sub": ["6" * 24]},
    "sub is upper-case hex": {"sub": "ABCDEFABCDEFABCDEFABCDEF"},
    "sub is nobody's": {"sub": random_id()},
    "a refresh token": {"type": "refresh"},
}


@pytest.fixture
def known(quiet: ServiceClient) -> str:
    return quiet.new_user().id


def call(client: ServiceClient, authorization: str | None) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return requests.get(
        f"{client.url}{JOB_STATUS}?job_id={random_id()}", headers=headers, timeout=10
    )


def assert_generic_401(response: requests.Response) -> None:
    assert response.status_code == 401, response.text
    body = response.json()
    assert body["code"] == "unauthorized"
    assert body["message"] == "Sign in first: the access token is missing, invalid or expired."


def test_a_plain_token_with_sub_and_exp_is_enough(quiet: ServiceClient, known: str) -> None:
    assert call(quiet, f"Bearer {quiet.token(sub=known)}").status_code == 404


@pytest.mark.parametrize("case", CLAIMS)
def test_bad_claims_are_refused(quiet: ServiceClient, known: str, case: str) -> None:
    token = (
        quiet.token(**{"sub": known, **CLAIMS[case]})
        if case != "exp is text"
        else by_hand({"alg": "HS256"}, {"sub": known, "exp": "tomorrow"}, quiet.secret)
    )
    assert_generic_401(call(quiet, f"Bearer {token}"))


def forged(client: ServiceClient, user_id: str) -> dict[str, str | None]:
    claims = {"sub": user_id, "exp": int(time.time()) + 600}
    good = client.token(**claims)
    header, payload, signature = good.split(".")
    other = b64(json.dumps({**claims, "sub": random_id()}).encode())
    return {
        "none": None,
        "empty": "Bearer ",
        "two words": f"Bearer {good} {good}",
        "basic": f"Basic {good}",
        "bare": good,
        "garbage": "Bearer garbage",
        "not ascii": "Bearer ký.tự.lạ".encode().decode("latin-1"),
        "alg none": f"Bearer {jwt.encode(claims, '', 'none')}",
        "alg nOnE": f"Bearer {b64(json.dumps({'alg': 'nOnE'}).encode())}.{payload}.",
        "alg HS512": f"Bearer {jwt.encode(claims, client.secret * 2, 'HS512')}",
        "alg RS256": f"Bearer {by_hand({'alg': 'RS256'}, claims, client.secret)}",
        "no alg": f"Bearer {by_hand({}, claims, client.secret)}",
        "another key": f"Bearer {jwt.encode(claims, 'x' * 40)}",
        "empty key": f"Bearer {by_hand({'alg': 'HS256'}, claims, b'')}",
        "no signature": f"Bearer {header}.{payload}.",
        "two segments": f"Bearer {header}.{payload}",
        "four segments": f"Bearer {good}.x",
        "changed payload": f"Bearer {header}.{other}.{signature}",
        "payload is a list": f"Bearer {by_hand({'alg': 'HS256'}, [], client.secret)}",
        "payload is text": f"Bearer {by_hand({'alg': 'HS256'}, b'x', client.secret)}",
        "deep payload": "Bearer " + by_hand({"alg": "HS256"}, b"[" * 5000, client.secret),
        "crit": f"Bearer {by_hand({'alg': 'HS256', 'crit': ['x']}, claims, client.secret)}",
        "kid": f"Bearer {by_hand({'alg': 'HS256', 'kid': '../../dev/null'}, claims, b'')}",
    }


@pytest.mark.parametrize("case", sorted(forged(ServiceClient("", "x" * 32, None), "0" * 24)))  # type: ignore[arg-type]
def test_forged_tokens_are_refused(quiet: ServiceClient, known: str, case: str) -> None:
    assert_generic_401(call(quiet, forged(quiet, known)[case]))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/resumes/upload"),
        ("GET", JOB_STATUS),
        ("GET", f"/api/v1/resumes/{'6' * 24}"),
        ("POST", "/api/v1/ws-ticket"),
    ],
)
def test_every_route_of_the_api_wants_a_token(quiet: ServiceClient, method: str, path: str) -> None:
    assert_generic_401(requests.request(method, f"{quiet.url}{path}", timeout=10))


def test_a_token_in_the_query_is_for_the_socket_only(quiet: ServiceClient, known: str) -> None:
    url = f"{quiet.url}{JOB_STATUS}?job_id={random_id()}&token={quiet.token(sub=known)}"
    assert_generic_401(requests.get(url, timeout=10))
