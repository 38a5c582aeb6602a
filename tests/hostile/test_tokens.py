"""Forged, stolen and absurd tokens: one 401 for all of them, by HTTP and before the upgrade of /ws.

tests/acceptance/test_auth.py holds the first forty; these are what attackers' tools try beside.
"""

import base64
import hashlib
import hmac
import json
import time
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from bson import ObjectId

from tests.hostile.processes import growth_bytes
from tests.hostile.target import AUDIENCE, ISSUER, Target, is_problem
from tests.hostile.wire import HANDSHAKE, Answer, request
from tests.services.client import JOB_STATUS, random_id

MAX_GROWTH_BYTES = 4 * 1024 * 1024
MESSAGE = "Sign in first: the access token is missing, invalid or expired."
HS256: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
#: What lists of weak secrets begin with, and other services' public keys.
WEAK_SECRETS = [
    *("secret", "your-secret-key", "changeme", "password", "123456", "key", "jwt", "admin", "\0"),
    "your-256-bit-secret",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
]


class Forge:
    """Makes tokens for a user who exists, with the service's key or without."""

    def __init__(self, secret: bytes, user_id: str) -> None:
        self.secret = secret
        self.claims: dict[str, Any] = {
            "sub": user_id,
            "exp": int(time.time()) + 600,
            "iss": ISSUER,
            "aud": AUDIENCE,
        }

    def signed(self, header: Any, payload: Any, secret: bytes | None = None) -> str:
        """Sign what no library would; bytes stand for themselves."""
        parts = [
            part if isinstance(part, bytes) else json.dumps(part).encode()
            for part in (header, payload)
        ]
        signing_input = ".".join(b64(part) for part in parts)
        key = self.secret if secret is None else secret
        return f"{signing_input}.{b64(hmac.digest(key, signing_input.encode(), 'sha256'))}"

    def good(self, **claims: Any) -> str:
        """Sign well; None leaves a claim out."""
        present = {k: v for k, v in {**self.claims, **claims}.items() if v is not None}
        return self.signed(HS256, present)

    def raw(self, **texts: str) -> str:
        """Sign claims whose values are given as JSON text that `json` would not write."""
        rest = json.dumps({k: v for k, v in self.claims.items() if k not in texts})[1:-1]
        members = ", ".join([rest, *(f'"{name}": {text}' for name, text in texts.items())])
        return self.signed(HS256, f"{{{members}}}".encode())

    def headed(self, secret: bytes = b"", **header: Any) -> str:
        """Sign the right claims under a strange header, with the attacker's key."""
        return self.signed({**HS256, **header}, self.claims, secret)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def split(token: str, change: Callable[[str, str, str], str]) -> str:
    header, payload, signature = token.split(".")
    return change(header, payload, signature)


#: `JWKS`-like keys that an attacker puts into the header and signs with.
OWN_KEY = b"attackers-own-key-attackers-own-key"
OWN_JWK = {"kty": "oct", "k": b64(OWN_KEY), "alg": "HS256"}

TOKENS: dict[str, Callable[[Forge], str]] = {
    # Algorithms
    **{
        f"alg {alg!r}": lambda f, alg=alg: f.signed({**HS256, "alg": alg}, f.claims)  # type: ignore[misc]
        for alg in (
            *("NONE", "None", "none ", " none", "", "hs256", "HS256 ", "HS384", "PS256", "ES256"),
            *("EdDSA", "dir", "RSA-OAEP", "A128KW", None, 0, 256, True, ["HS256"], {"HS256": 1}),
        )
    },
    "alg none, and no signature part": lambda f: split(
        jwt.encode(f.claims, "", "none"), lambda h, p, _: f"{h}.{p}"
    ),
    "alg none, signed all the same": lambda f: f.signed({"alg": "none"}, f.claims, b""),
    "alg twice, none first": lambda f: f.signed(b'{"alg":"none","alg":"HS256"}', f.claims, b""),
    "alg twice, none last": lambda f: f.signed(b'{"alg":"HS256","alg":"none"}', f.claims),
    "HS512": lambda f: jwt.encode(f.claims, f.secret * 2, "HS512"),
    # Keys
    **{
        f"the key {key!r}": lambda f, key=key: f.signed(HS256, f.claims, key.encode())  # type: ignore[misc]
        for key in WEAK_SECRETS
    },
    "half the key": lambda f: f.signed(HS256, f.claims, f.secret[:32]),
    "the key and a line end": lambda f: f.signed(HS256, f.claims, f.secret + b"\n"),
    "the key's hash": lambda f: f.signed(HS256, f.claims, hashlib.sha256(f.secret).digest()),
    "the key in lower case": lambda f: f.signed(HS256, f.claims, f.secret.lower()),
    # Headers that name a key
    "kid of a file": lambda f: f.headed(b"", kid="../../../../dev/null"),
    "kid of a query": lambda f: f.headed(b"1", kid="x' UNION SELECT '1"),
    "kid of a command": lambda f: f.headed(b"", kid="|/bin/sleep 10"),
    "kid of an address": lambda f: f.headed(OWN_KEY, kid="http://127.0.0.1:1/key"),
    "kid as an object": lambda f: f.headed(f.secret, kid={"$ne": None}),
    "kid as a number": lambda f: f.headed(f.secret, kid=0),
    "jku": lambda f: f.headed(OWN_KEY, jku="http://127.0.0.1:1/jwks.json"),
    "x5u": lambda f: f.headed(OWN_KEY, x5u="http://127.0.0.1:1/x5u.pem"),
    "jwk": lambda f: f.headed(OWN_KEY, jwk=OWN_JWK),
    "x5c": lambda f: f.headed(OWN_KEY, x5c=[b64(OWN_KEY)]),
    "crit": lambda f: f.headed(f.secret, crit=["exp2"], exp2=1),
    "crit of nothing": lambda f: f.headed(f.secret, crit=[]),
    "a detached payload": lambda f: f.headed(f.secret, b64=False, crit=["b64"]),
    "a deflated payload": lambda f: f.signed(
        {**HS256, "zip": "DEF"}, zlib.compress(json.dumps(f.claims).encode())[2:-4]
    ),
    # Headers that are none
    "a header list": lambda f: f.signed([HS256], f.claims),
    "a header text": lambda f: f.signed("HS256", f.claims),
    "a header null": lambda f: f.signed(None, f.claims),
    "a header number": lambda f: f.signed(b"1" * 500, f.claims),
    "an empty header": lambda f: f.signed(b"", f.claims),
    "a deep header": lambda f: f.signed(b'{"a":' * 500, f.claims),
    "a header that is no UTF-8": lambda f: f.signed(b'{"alg":"HS256","x":"\xff"}', f.claims),
    # Segments
    "one segment": lambda _: b64(b"{}"),
    "only dots": lambda _: "..",
    "a dot before": lambda f: f".{f.good()}",
    "a dot after": lambda f: f"{f.good()}.",
    "a JWE's five segments": lambda f: f"{f.good()}.a.b",
    "padded wrongly": lambda f: split(f.good(), lambda h, p, s: f"{h}=.{p}=.{s}="),
    "the other base64": lambda f: split(f.good(), lambda h, p, _: f"{h}.{p}.++//{'A' * 39}"),
    "a signature in hex": lambda f: split(f.good(), lambda h, p, _: f"{h}.{p}.{'ab' * 32}"),
    "zeros for a signature": lambda f: split(f.good(), lambda h, p, _: f"{h}.{p}.{b64(bytes(32))}"),
    "half a signature": lambda f: split(f.good(), lambda h, p, s: f"{h}.{p}.{s[:20]}"),
    "a longer signature": lambda f: split(f.good(), lambda h, p, s: f"{h}.{p}.{s}AAAA"),
    "another token's signature": lambda f: split(
        f.good(), lambda h, p, _: f"{h}.{p}.{f.good(jti='other').rpartition('.')[2]}"
    ),
    "a bit of the signature": lambda f: split(
        f.good(), lambda h, p, s: f"{h}.{p}.{'B' if s[0] == 'A' else 'A'}{s[1:]}"
    ),
    # Claims that nobody should have signed
    "expired this second": lambda f: f.good(exp=int(time.time())),
    "exp 0": lambda f: f.good(exp=0),
    "exp negative": lambda f: f.good(exp=-1),
    "exp null": lambda f: f.raw(exp="null"),
    "exp a list": lambda f: f.good(exp=[int(time.time()) + 600]),
    "exp an object": lambda f: f.good(exp={"$gt": 0}),
    "exp a number in quotes": lambda f: f.good(exp="9999999999"),
    "exp NaN": lambda f: f.raw(exp="NaN"),
    "exp Infinity": lambda f: f.raw(exp="Infinity"),
    "exp 1e999": lambda f: f.raw(exp="1e999"),
    "exp of 1,500 digits": lambda f: f.raw(exp="9" * 1_500),
    "nbf tomorrow": lambda f: f.good(nbf=time.time() + 86_400),
    "nbf a text": lambda f: f.good(nbf="yesterday"),
    "nbf NaN": lambda f: f.raw(nbf="NaN"),
    "iat tomorrow": lambda f: f.good(iat=time.time() + 86_400),
    "iat an object": lambda f: f.good(iat={}),
    "no iss": lambda f: f.good(iss=None),
    "another iss": lambda f: f.good(iss="https://evil.example"),
    "part of iss": lambda f: f.good(iss=ISSUER[:10]),
    "iss a list": lambda f: f.good(iss=[ISSUER]),
    "no aud": lambda f: f.good(aud=None),
    "another aud": lambda f: f.good(aud="billing-service"),
    "aud of others": lambda f: f.good(aud=["billing-service", "mail"]),
    "aud an object": lambda f: f.good(aud={AUDIENCE: 1}),
    "a refresh token": lambda f: f.good(type="refresh"),
    "sub null": lambda f: f.raw(sub="null"),
    "sub true": lambda f: f.good(sub=True),
    "sub a float": lambda f: f.good(sub=1e24),
    "sub 12 bytes": lambda f: f.good(sub="twelve bytes"),
    "sub an operator": lambda f: f.good(sub='{"$gt": ""}'),
    "sub a regular expression": lambda f: f.good(sub=".*"),
    "sub with a space": lambda f: f.good(sub=f" {f.claims['sub']}"),
    "sub with a line end": lambda f: f.good(sub=f"{f.claims['sub']}\n"),
    "sub with NUL": lambda f: f.good(sub=f"{f.claims['sub']}\0"),
    "sub in other digits": lambda f: f.good(sub="\u0661" * 24),
    "sub an extended ObjectId": lambda f: f.good(sub={"$oid": f.claims["sub"]}),
    "sub a list of one": lambda f: f.good(sub=[f.claims["sub"]]),
    "sub of nobody": lambda f: f.good(sub=random_id()),
    "sub 1,000 characters": lambda f: f.good(sub="6" * 1_000),
    "the identity elsewhere": lambda f: f.good(sub=None, user_id=f.claims["sub"]),
    # Payloads that are none
    "a payload null": lambda f: f.signed(HS256, None),
    "a payload number": lambda f: f.signed(HS256, 1),
    "an empty payload": lambda f: f.signed(HS256, b""),
    "a deep payload": lambda f: f.signed(HS256, b'{"a":' * 300),
    "a payload that is no UTF-8": lambda f: f.signed(HS256, b'{"sub":"\xff"}'),
    "a lone surrogate": lambda f: f.raw(sub='"\\ud800"'),
}


@pytest.fixture
def forge(target: Target) -> Forge:
    return Forge(target.secret, target.new_user().id)


def by_http(target: Target, authorization: str, *more: str) -> Answer:
    path = f"{JOB_STATUS}?job_id={random_id()}"
    return target.ask(request("GET", path, f"Authorization: {authorization}", *more))


def by_socket(target: Target, token: str) -> Answer:
    return target.ask(request("GET", f"/ws?token={quote(token)}", *HANDSHAKE))


def assert_generic(answer: Answer, path: str = JOB_STATUS) -> None:
    assert is_problem(answer, 401, "unauthorized")
    assert answer.json["message"] == answer.json["detail"] == MESSAGE
    assert answer.json["instance"] == path
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", TOKENS)
def test_a_bad_token_opens_nothing(target: Target, forge: Forge, name: str) -> None:
    token = TOKENS[name](forge)
    assert_generic(by_http(target, f"Bearer {token}"))
    assert_generic(by_socket(target, token), "/ws")


def test_the_forge_makes_tokens_that_would_be_taken(target: Target, forge: Forge) -> None:
    """Else all of the above would be refused for the wrong reason."""
    for token in (
        forge.good(),
        forge.raw(),
        forge.headed(forge.secret),
        forge.good(aud=[AUDIENCE]),
    ):
        assert by_http(target, f"Bearer {token}").status == 404
        assert by_socket(target, token).status == 101


HEADERS: dict[str, str] = {
    "lower case": "bearer {token}",
    "upper case": "BEARER {token}",
    "another scheme": "Token {token}",
    "a colon": "Bearer: {token}",
    "quotes": 'Bearer "{token}"',
    "a parameter": 'Bearer token="{token}"',
    "no space": "Bearer{token}",
    "the token twice": "Bearer {token}, Bearer {token}",
    "two tokens": "Bearer {token} {token}",
    "only commas": ",,,",
    "commas and spaces": ", ,Bearer {token}",
    "an empty item": "Bearer a, ,\t,Bearer {token}",
    "spaces beyond ASCII": "\xa0,\x85,Bearer {token}",
    "a percent": "Bearer %22{token}%22",
    "a digest": 'Digest username="{token}"',
    "a scheme alone": "Bearer",
    "a byte beyond ASCII": "Bearer {token}\xff",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_bad_header_opens_nothing(target: Target, forge: Forge, name: str) -> None:
    assert_generic(by_http(target, HEADERS[name].format(token=forge.good())))


PLACES: dict[str, str] = {
    "a cookie": "Cookie: access_token_cookie={token}; token={token}; Authorization={token}",
    "another header": "X-Authorization: Bearer {token}",
    "a proxy's header": "Proxy-Authorization: Bearer {token}",
    "a forwarded user": "X-Forwarded-User: {user}",
    "a subprotocol": "Sec-WebSocket-Protocol: {token}",
}


@pytest.mark.parametrize("name", PLACES)
def test_a_token_in_another_place_opens_nothing(target: Target, forge: Forge, name: str) -> None:
    header = PLACES[name].format(token=forge.good(), user=forge.claims["sub"])
    path = f"{JOB_STATUS}?job_id={random_id()}"
    assert_generic(target.ask(request("GET", path, header)))
    assert_generic(target.ask(request("GET", "/ws", *HANDSHAKE, header)), "/ws")


def test_a_token_outlives_its_user_by_nothing(target: Target, forge: Forge) -> None:
    token = forge.good()
    assert by_http(target, f"Bearer {token}").status == 404
    target.database["user"].delete_one({"_id": ObjectId(forge.claims["sub"])})
    assert_generic(by_http(target, f"Bearer {token}"))
    assert_generic(by_socket(target, token), "/ws")


def test_bad_tokens_leave_no_memory_behind(target: Target, forge: Forge, web_pid: int) -> None:
    tokens = [make(forge) for make in TOKENS.values()]

    def attack() -> None:
        for token in tokens:
            by_http(target, f"Bearer {token}")

    assert growth_bytes(web_pid, attack, warm_up=1, repeats=3) < MAX_GROWTH_BYTES


def test_a_bad_ticket_says_no_more_than_a_bad_token(target: Target) -> None:
    for ticket in ("", "x", "{}", "' OR 1=1", "0" * 43, "\0", "ủ"):
        answer = target.ask(request("GET", f"/ws?ticket={quote(ticket)}", *HANDSHAKE))
        assert is_problem(answer, 401, "unauthorized")
