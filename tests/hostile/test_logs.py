"""What strangers send stays data in the logs, and secrets stay out of logs and answers."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from bson import ObjectId

from tests.eventually import eventually
from tests.hostile.forms import CONTENT_TYPE, file_part, form
from tests.hostile.target import EMAIL, PDF_TEXT, Target, events_of, leaked
from tests.hostile.wire import HANDSHAKE, request
from tests.services.client import JOB_STATUS, SMALL_PDF, UPLOAD
from tests.services.parser_double import CV_DATA, ParserDouble, Request
from tests.services.stack import ServiceStack

#: Everything that ends a line or drives a terminal, apart from the line's own end.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FORGED = '{"event": "forged", "level": "info"}'
#: A line end or an escape, then a line as ours; percent-encoded where it goes into a URL.
INJECTIONS = {
    "CR LF": f"\r\n{FORGED}",
    "LF": f"\n{FORGED}",
    "CR": f"\r{FORGED}",
    "NEL": f"\x85{FORGED}",
    "line separator": f"\u2028{FORGED}",
    "vertical tab": f"\x0b{FORGED}",
    "escape": f"\x1b[2K\x1b[1G{FORGED}",
    "eight-bit escape": f"\x9b2K{FORGED}",
    "backspaces": "\b" * 40 + FORGED,
    "right to left": f"\u202e{FORGED}",
    "a quote": f'"}}\n{FORGED}',
    "NUL": f"\0{FORGED}",
}


@pytest.fixture(autouse=True)
def unforged(target_stack: ServiceStack) -> Iterator[None]:
    """Whatever a test sent, each line is one of ours, and no line steers a terminal."""
    yield
    log = target_stack.log_tail()
    assert CONTROL.findall(log) == []
    assert "forged" not in {event.get("event") for event in events_of(log)}
    assert [line for line in log.splitlines() if line.lstrip().startswith(FORGED)] == []


def logged(stack: ServiceStack, **members: object) -> bool:
    """True when a line has all these members."""
    return any(members.items() <= event.items() for event in events_of(stack.log_tail()))


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_path_is_logged_as_data(target: Target, target_stack: ServiceStack, name: str) -> None:
    path = f"/{ObjectId()}{INJECTIONS[name]}"
    assert target.ask(request("GET", quote(path))).status == 404
    # WSGI's text: the path's bytes, one character each.
    as_wsgi = path.encode().decode("latin-1")
    eventually(lambda: logged(target_stack, event="http.request", path=as_wsgi))


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_query_is_not_logged_at_all(
    target: Target, target_stack: ServiceStack, name: str
) -> None:
    mark = str(ObjectId())
    value = quote(f"{mark}{INJECTIONS[name]}")
    user = target.new_user()
    for path in (f"{JOB_STATUS}?job_id={value}", f"/?lang={value}", f"/livez?{value}"):
        target.ask(request("GET", path, f"Authorization: Bearer {user.token}"))
    target.ask(request("GET", f"/ws?since={value}&token={value}&ticket={value}", *HANDSHAKE))
    last = f"/{ObjectId()}"
    target.ask(request("GET", last))
    eventually(lambda: logged(target_stack, path=last))
    assert mark not in target_stack.log_tail()


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_file_name_is_not_logged_at_all(
    target: Target, target_stack: ServiceStack, name: str
) -> None:
    mark = str(ObjectId())
    # Line ends can't stand in a part's header as they are.
    text = INJECTIONS[name].replace('"', "").replace("\r", "").replace("\n", "")
    user = target.new_user()
    headers = (f"Authorization: Bearer {user.token}", CONTENT_TYPE)
    body = form(file_part(name=f"{mark}{text}.pdf".encode()))
    target.ended(user, target.ask(request("POST", UPLOAD, *headers, body=body)).json["job_id"])
    assert [line for line in target_stack.log_tail().splitlines() if mark in line] == []


#: By name, each with a value that HTTP lets through; others are refused as no HTTP.
HEADERS = {
    "User-Agent": "x\x85{forged}",
    "Referer": "https://x/?\x9b2K{forged}",
    "X-Forwarded-For": "1.2.3.4\x85{forged}",
    "X-Request-ID": "abc\x85{forged}",
    "traceparent": "00-11111111111111111111111111111111-2222222222222222-01\x85{forged}",
    "tracestate": "x=\x85{forged}",
    "Idempotency-Key": "key\x85{forged}",
    "Origin": "http://localhost\x85{forged}",
    "Host": "localhost\x85{forged}",
    "Accept-Language": "vi\x85{forged}",
    "Content-Type": "multipart/form-data; boundary=\x85{forged}",
    "Authorization": "Bearer \x85{forged}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_forges_no_line_and_no_answer(
    target: Target, target_stack: ServiceStack, name: str
) -> None:
    mark = str(ObjectId())
    header = f"{name}: {HEADERS[name].format(forged=f'{mark}{FORGED}')}"
    user = target.new_user()
    token = f"Authorization: Bearer {user.token}"
    for method, path, more in (
        ("POST", UPLOAD, (token,)),
        ("GET", f"{JOB_STATUS}?job_id={user.id}", (token,)),
        ("GET", "/", ()),
        ("GET", f"/ws?token={user.token}", HANDSHAKE),
    ):
        kept = [line for line in more if not line.startswith(f"{name}:")]
        data = request(method, path, *kept, header, body=b"" if method == "POST" else None)
        if name == "Host":
            data = data.replace(b"Host: localhost\r\n", b"", 1)
        answer = target.ask(data)
        assert answer.status < 500
        assert mark not in f"{answer.headers}{answer.body!r}"
    assert mark not in target_stack.log_tail()


@pytest.mark.parametrize("value", ["x" * 65, "a b", "a\x85b", "<script>", "{}", '"', "ủ"])
def test_a_request_id_is_taken_only_as_a_plain_word(target: Target, value: str) -> None:
    sent = f"X-Request-ID: {value.encode().decode('latin-1')}"
    assert target.ask(request("GET", "/livez", sent)).headers["x-request-id"] != value
    given = target.ask(request("GET", "/livez", "X-Request-ID: my-own.id_1"))
    assert given.headers["x-request-id"] == "my-own.id_1"


def trace_of(target: Target, stack: ServiceStack, traceparent: str) -> str:
    """Return the trace that the log names for an upload with this header."""
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    data = request("POST", UPLOAD, *headers, f"traceparent: {traceparent}", body=form(file_part()))
    job_id = target.ask(data).json["job_id"]

    def traces() -> list[str]:
        events = events_of(stack.log_tail())
        return [e["trace_id"] for e in events if e.get("job_id") == job_id and "trace_id" in e]

    return eventually(traces)[0]


@pytest.mark.parametrize(
    "value",
    ["", "x", "00-" + "g" * 32 + "-" + "b" * 16 + "-01", "00-" + "A" * 32, "{}", "00" * 4_000],
)
def test_a_trace_that_is_none_is_replaced(
    target: Target, target_stack: ServiceStack, value: str
) -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace_of(target, target_stack, value))


def test_a_trace_that_is_one_is_kept(target: Target, target_stack: ServiceStack) -> None:
    given = f"00-{'ab' * 16}-{'cd' * 8}-01"
    assert trace_of(target, target_stack, given) == "ab" * 16


# --- Secrets -------------------------------------------------------------------------------------


def test_a_token_is_not_logged_whatever_becomes_of_its_request(
    target: Target, target_stack: ServiceStack
) -> None:
    """Broken requests are logged by gunicorn, which quotes them."""
    token = target.new_user().token
    bearer = f"Authorization: Bearer {token}"
    for data in (
        request("GET", f"/ws?token={token}\xe9", *HANDSHAKE),
        f"GET /ws?token={token} x HTTP/1.1\r\n\r\n".encode(),
        f"GET /ws?token={token}&{'x' * 5_000} HTTP/1.1\r\n\r\n".encode(),
        f"GET /ws?token={token}\r\n\r\n".encode(),
        request("GET", "/", f"Authorization Bearer {token}"),
        request("GET", "/", f"{bearer}\0"),
        request("GET", "/", f"{token}: x"),
        request("GET", "/", f" {bearer}"),
        request("GET", "/", f"Transfer-Encoding: {token}"),
        request("GET", "/", f"Expect: {token}"),
        request("GET", "/", f"Content-Length: {token}"),
        request("POST", UPLOAD, bearer, "Transfer-Encoding: chunked") + f"{token}\r\n".encode(),
        request(token.replace(".", "")[:18].upper(), "/", bearer),
        request("GET", f"/ws?token={token}x", *HANDSHAKE),
        request("GET", f"/ws?ticket={token}", *HANDSHAKE),
        request("GET", f"/livez?token={token}", bearer, f"Referer: http://x/?token={token}"),
    ):
        with target.wire() as connection:
            connection.send(data)
            connection.end_sending()
            connection.drain()
    last = f"/{ObjectId()}"
    target.ask(request("GET", last))
    eventually(lambda: logged(target_stack, path=last))
    log = target_stack.log_tail()
    assert token not in log
    assert token.rpartition(".")[2] not in log


def rejects(body: object, request: Request, _number: int) -> None:
    request.json(422, body)


def test_no_secret_stands_in_any_log_or_answer(
    target: Target, target_stack: ServiceStack, double: ParserDouble
) -> None:
    """E-mail, text of the PDF and what the parser makes of it go through all processes."""
    double.behave = lambda r, _: r.json(
        200, {"success": True, "cv_data": {**CV_DATA, "email": EMAIL, "summary": PDF_TEXT}}
    )
    user = target.new_user(email=EMAIL)
    job_id = target.accepted(user, SMALL_PDF + PDF_TEXT.encode(), name=f"{EMAIL}.pdf")
    told = target.ended(user, job_id)
    assert told["cv_data"]["email"] == EMAIL, "the owner himself sees it"
    with target.socket(user) as frames:
        assert frames.next()["payload"]["cv_data"]["summary"] == PDF_TEXT
    for failing in ({"success": False, "message": f"{PDF_TEXT} {EMAIL}"}, [PDF_TEXT], PDF_TEXT):
        double.behave = partial(rejects, failing)
        failed = target.new_user(email=EMAIL)
        data = SMALL_PDF + PDF_TEXT.encode()
        target.ended(failed, target.accepted(failed, data, name=f"{EMAIL}.pdf"))
    assert leaked(target_stack.log_tail(), target_stack.jwt_secret) == []
    for url in (*target_stack.web_urls, *target_stack.worker_urls):
        for path in ("/livez", "/readyz", "/metrics"):
            text = requests.get(f"{url}{path}", timeout=10).text
            assert leaked(text, target_stack.jwt_secret) == []


def test_errors_tell_nothing_of_how_we_are_made(target: Target) -> None:
    user = target.new_user()
    token = f"Authorization: Bearer {user.token}"
    internals = re.compile(r"Traceback|site-packages|werkzeug|gunicorn|pymongo|\.py\b|/home/|/usr/")
    root = str(Path(__file__).parents[2])
    for data in (
        request("GET", "/nowhere", token),
        request("PUT", UPLOAD, token),
        request("POST", UPLOAD, token, "Content-Type: x", body=b"x"),
        request("GET", JOB_STATUS, token),
        request("GET", "/ws", *HANDSHAKE),
        request("GET", "/", "Bad Header: x"),
        request("GET", "/", "Content-Length: -1"),
    ):
        body = target.ask(data).body.decode()
        assert internals.findall(body) == []
        assert root not in body
        assert json.loads(body)["success"] is False
