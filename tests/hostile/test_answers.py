"""What every answer carries for the browser's protection, over all routes; and whom we ask."""

import json
import os
import re
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.hostile.target import Target
from tests.hostile.wire import Answer, request
from tests.services.client import UPLOAD
from tests.services.parser_double import ParserDouble, Request

ROOT = Path(__file__).parents[2]
_LIST_ROUTES = """
import json, wsgi
rules = wsgi.app.url_map.iter_rules()
print(json.dumps([[rule.rule, sorted(rule.methods)] for rule in rules]))
"""
#: A value for each of an address's variables.
_EXAMPLES = {"filename": "js/main.js", "resume_id": "6" * 24, "version_asked": "x"}


def routes() -> list[tuple[str, str]]:
    """Return each method and path the application knows, asked of itself."""
    environment = {"PATH": os.environ["PATH"], "JWT_SECRET": "x" * 40, "APP_ENV": "development"}
    listed = subprocess.run(
        [sys.executable, "-c", _LIST_ROUTES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    return [
        (method, re.sub(r"<(?:[^<>:]*:)?(\w+)>", lambda m: _EXAMPLES.get(m[1], "x"), rule))
        for rule, methods in json.loads(listed.splitlines()[-1])
        for method in methods
    ]


def assert_guarded(answer: Answer) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert f"{directive} 'none'" in policy
    for hole in ("unsafe-inline", "unsafe-eval", "http:", "https:", "*"):
        assert hole not in policy
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers
    if headers.get("content-type", "").startswith("text/html"):
        assert "script-src 'self'" in policy
    else:
        assert "script-src" not in policy
        assert "sandbox" in policy


def test_every_route_guards_its_answer_whoever_asks(target: Target) -> None:
    known = routes()
    assert {path for _, path in known} >= {"/", "/ws", "/livez", "/metrics", UPLOAD}
    user = target.new_user()
    for method, path in known:
        for headers in ((), (f"Authorization: Bearer {user.token}",)):
            assert_guarded(target.ask(request(method, path, "Connection: close", *headers)))


@pytest.mark.parametrize(
    "data",
    [
        request("GET", "/nowhere"),
        request("BREW", "/"),
        request("POST", "/"),
        request("GET", "/favicon.ico", "Range: bytes=9999999-"),
        request("GET", "/resumes//x"),
        request("GET", "/", "Host-Header: x", "Accept: text/plain"),
        request("GET", "/", "Bad Header: x"),
        request("GET", "/", "X-Long: " + "x" * 9_000),
        request("GET", "/" + "x" * 5_000),
        request("GET", "/", "Expect: x"),
        request("GET", "/", "Transfer-Encoding: x"),
        b"\0\r\n\r\n",
    ],
)
def test_every_error_guards_its_answer(target: Target, data: bytes) -> None:
    assert_guarded(target.ask(data))


def test_an_unchanged_answer_is_guarded_as_well(target: Target) -> None:
    etag = target.ask(request("GET", "/favicon.ico")).headers["etag"]
    unchanged = target.ask(request("GET", "/favicon.ico", f"If-None-Match: {etag}"))
    assert unchanged.status == 304
    assert_guarded(unchanged)


@pytest.mark.parametrize("host", ["evil.example", "x; script-src *", '"><script>', "a b", "*"])
def test_a_host_does_not_widen_the_page_s_policy(target: Target, host: str) -> None:
    answer = target.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 200
    assert_guarded(answer)
    assert answer.headers["content-security-policy"].count("script-src") == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_other_site_may_read_an_answer(target: Target, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = target.ask(
            request(method, "/", f"Origin: {origin}", "Access-Control-Request-Method: POST")
        )
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_run_no_inline_script_or_style(target: Target) -> None:
    for path in ("/", "/resumes/x"):
        page = target.ask(request("GET", path)).body.decode()
        scripts = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page)
        assert scripts == []
        assert re.findall(r"\son\w+=|\sstyle=|<style|javascript:", page) == []


def redirects(status: int, address: str, request: Request, _number: int) -> None:
    request.json(status, {}, Location=address)


def test_a_redirect_of_the_parser_is_not_followed(target: Target, double: ParserDouble) -> None:
    """SSRF: a parser that was taken over must not steer us to addresses inside."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0)
        address = f"http://127.0.0.1:{inside.getsockname()[1]}/latest/meta-data/"
        for status in (301, 302, 303, 307, 308):
            double.behave = partial(redirects, status, address)
            user = target.new_user()
            ended = target.ended(user, target.accepted(user))
            assert (ended["status"], ended["error_code"]) == ("failed", "parser_bad_answer")
            assert "meta-data" not in ended["error_message"]
        with pytest.raises(BlockingIOError):
            inside.accept()  # nobody has knocked
