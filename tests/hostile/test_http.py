"""HTTP that is none, or is two things at once: refused in one form, and the next is served.

What a proxy before us might read differently (lengths, codings, line ends) must be an error here,
never a second request.
"""

from typing import Any

import pytest

from tests.hostile.forms import CONTENT_TYPE, file_part, form
from tests.hostile.processes import growth_bytes
from tests.hostile.target import Target, is_problem
from tests.hostile.wire import chunked, request
from tests.services.client import JOB_STATUS, UPLOAD

MAX_GROWTH_BYTES = 8 * 1024 * 1024
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
SECOND = b"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"


def get(*headers: bytes) -> bytes:
    return GET + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


#: Not read as HTTP, so answered before the application.
REFUSED: dict[str, tuple[bytes, int]] = {
    # Request lines
    "no version": (b"GET /livez\r\nHost: x\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /livez HTTP/0.9\r\n\r\n", 400),
    "HTTP/2.0": (b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 400),
    "HTTP/1.10": (b"GET /livez HTTP/1.10\r\nHost: x\r\n\r\n", 400),
    "http/1.1": (b"GET /livez http/1.1\r\nHost: x\r\n\r\n", 400),
    "a method in lower case": (b"get /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a method with NUL": (b"G\0T /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a long method": (b"G" * 30 + b" /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a space in the target": (b"GET /li vez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "two spaces": (b"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a tab": (b"GET\t/livez\tHTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a target beyond ASCII": (b"GET /livez?\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "NUL in the target": (b"GET /livez\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no slash": (b"GET livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an asterisk": (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an authority": (b"GET evil.example:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a broken IPv6": (b"GET http://[::1/livez HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a target of 5 KB": (b"GET /livez?" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a target of 1 MB": (b"GET /" + b"x" * 1_000_000, 414),
    "line feeds alone": (b"GET /livez HTTP/1.1\nHost: x\n\n", 400),
    "a line feed in the head": (b"GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
    "empty lines first": (b"\r\n\r\n" + get(), 400),
    "TLS": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 32 + b"\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    "PROXY": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(), 400),
    "an answer": (b"HTTP/1.1 200 OK\r\n\r\n", 400),
    "NULs": (b"\0" * 64 + b"\r\n\r\n", 400),
    # Headers
    "no colon": (get(b"X-Odd"), 400),
    "no name": (get(b": x"), 400),
    "a space in the name": (get(b"X Odd: x"), 400),
    "a space before the colon": (get(b"X-Odd : x"), 400),
    "NUL in the name": (get(b"X\0Odd: x"), 400),
    "NUL in the value": (get(b"X-Odd: a\0b"), 400),
    "a return in the value": (get(b"X-Odd: a\rb"), 400),
    "an escape in the value": (get(b"User-Agent: \x1b[2J"), 400),
    "a folded value": (get(b"X-Odd: a\r\n b"), 400),
    "a name beyond ASCII": (get(b"X-\xc3\xa9: x"), 400),
    "two hosts": (get(b"Host: y"), 400),
    "two content types": (get(b"Content-Type: a/b", b"Content-Type: c/d"), 400),
    "https and not": (get(b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: off"), 400),
    "another expectation": (get(b"Expect: 200-ok"), 417),
    "101 headers": (get(*[b"X-%d: y" % n for n in range(101)]), 431),
    "a header of 9 KB": (get(b"X-Long: " + b"x" * 9_000), 431),
    "a header of 900 KB": (get(b"X-Long: " + b"x" * 900_000), 431),
    "40 KB of headers": (get(*[b"X-%d: " % n + b"y" * 8_000 for n in range(5)]), 431),
    "800 KB of languages": (get(*[b"Accept-Language: " + b"a," * 4_000] * 98), 431),
    "40 KB of cookies": (get(*[b"Cookie: " + b"a=b;" * 2_000] * 5), 431),
    "a token of 64 KB": (get(b"Authorization: Bearer " + b"x" * 65_536), 431),
    # Lengths
    **{
        f"Content-Length: {length.decode('latin-1')}": (get(b"Content-Length: " + length), 400)
        for length in (
            *(b"-1", b"+5", b"0x5", b"5 5", b"5,5", b"", b"1e3", b"5.0", b"five", b"\xb2"),
            *(b"_5", b"1_0", b"9" * 5_000),
        )
    },
    "two lengths": (get(b"Content-Length: 5", b"Content-Length: 6") + b"abcdef", 400),
    "one length twice": (get(b"Content-Length: 5", b"Content-Length: 5") + b"abcde", 400),
    # Codings
    "both lengths": (
        get(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + SECOND,
        400,
    ),
    "both, the other way": (
        get(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n" + SECOND,
        400,
    ),
    "an unknown coding": (get(b"Transfer-Encoding: xchunked"), 501),
    "chunked in quotes": (get(b'Transfer-Encoding: "chunked"'), 501),
    "a list with an unknown coding": (get(b"Transfer-Encoding: chunked, x"), 501),
    "chunked twice": (get(b"Transfer-Encoding: chunked, chunked"), 400),
    "chunked in two headers": (get(*[b"Transfer-Encoding: chunked"] * 2), 400),
    "chunked, then identity": (get(b"Transfer-Encoding: chunked, identity"), 400),
    "identity": (get(b"Transfer-Encoding: identity"), 400),
    "gzip": (get(b"Transfer-Encoding: gzip"), 400),
    "chunked in HTTP/1.0": (
        b"POST /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
        400,
    ),
    "a space before chunked's colon": (get(b"Transfer-Encoding : chunked"), 400),
    "a vertical tab before chunked": (get(b"Transfer-Encoding: \x0bchunked"), 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_http_is_refused_and_the_connection_ends(target: Target, name: str) -> None:
    data, status = REFUSED[name]
    with target.wire() as connection:
        connection.send(data)
        answer = connection.answer()
        assert is_problem(answer, status, "http_refused")
        assert answer.headers["connection"] == "close"
        connection.end_sending()
        assert connection.is_ended()


#: Odd, but HTTP.
SERVED: dict[str, tuple[bytes, int]] = {
    "HTTP/1.0": (b"GET /livez HTTP/1.0\r\n\r\n", 200),
    "one empty line first": (b"\r\n" + get(), 200),
    "an absolute target": (b"GET http://evil.example/livez HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "HEAD": (request("HEAD", "/livez", "Connection: close"), 200),
    "OPTIONS": (request("OPTIONS", "/livez"), 200),
    "OPTIONS of all": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a method of nobody": (request("BREW", "/livez"), 405),
    "TRACE": (request("TRACE", "/livez"), 405),
    "another method for an upload": (request("PUT", UPLOAD), 405),
    "a method that overrides": (
        request("POST", JOB_STATUS, "X-HTTP-Method-Override: GET", body=b""),
        405,
    ),
    "a body for GET": (request("GET", "/livez", body=b"x" * 100_000), 200),
    "100 headers": (get(*[b"X-%d: y" % n for n in range(99)]), 200),
    "30 KB of headers": (get(*[b"X-%d: " % n + b"y" * 7_500 for n in range(4)]), 200),
    "a name with underscore": (get(b"Content_Length: 99"), 200),
    "a script name": (get(b"SCRIPT_NAME: /elsewhere"), 200),
    "a path from a header": (get(b"PATH_INFO: /metrics", b"X-Original-URL: /metrics"), 200),
    "a user from a header": (
        request("GET", f"{JOB_STATUS}?job_id={'6' * 24}", "REMOTE_USER: admin"),
        401,
    ),
    "a host of nobody": (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200),
    "a host that is none": (b'GET / HTTP/1.1\r\nHost: "><script>/\r\n\r\n', 200),
    "a length of a terabyte": (get(b"Content-Length: 1000000000000"), 200),
    "a language of 8 KB": (request("GET", "/", "Accept-Language: " + "a," * 4_000), 200),
    "a language that is none": (request("GET", "/?lang=../../en", "Accept-Language: ;;q=x"), 200),
    "a cookie that is none": (request("GET", "/", 'Cookie: lang="\\377;;=;\x80'), 200),
    "a range": (request("GET", "/favicon.ico", "Range: bytes=0-1"), 206),
    "a range beyond the end": (request("GET", "/favicon.ico", "Range: bytes=99999999-"), 416),
    "a range backwards": (request("GET", "/favicon.ico", "Range: bytes=5-1"), 416),
    "many ranges": (request("GET", "/favicon.ico", "Range: bytes=" + "0-,1-," * 500), 416),
    "a range of nothing": (request("GET", "/favicon.ico", "Range: bytes=x"), 416),
    "an ETag of 8 KB": (request("GET", "/favicon.ico", "If-None-Match: " + '"a",' * 2_000), 200),
    "a date that is none": (request("GET", "/favicon.ico", "If-Modified-Since: -1"), 200),
    # Paths
    **{
        f"path {path}": (f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), status)
        for path, status in {
            "/assets/x/../../settings.py": 404,
            "/assets/x/%2e%2e/%2e%2e/settings.py": 404,
            "/assets/x/..%2f..%2fsettings.py": 404,
            "/assets/x/..%5c..%5csettings.py": 404,
            "/assets/x/%c0%ae%c0%ae/settings.py": 404,
            "/assets/x/%252e%252e/settings.py": 404,
            "/assets/x//etc/passwd": 404,
            "/assets/x/%2fetc%2fpasswd": 404,
            "/assets/x/js%00.js": 404,
            "/assets/x/js/": 404,
            "/assets/x/js": 404,
            f"/assets/x/{'a' * 300}": 404,
            f"/assets/x/{'a/' * 1500}": 404,
            "/.git/config": 404,
            "/.env": 404,
            "/wsgi.py": 404,
            "/static/js/main.js": 404,
            "/%00": 404,
            "/%0d%0aX-Injected:%20yes": 404,
            "/%ff%fe": 404,
            "/livez/": 404,
            "//livez": 200,
            "/api//v1/resumes/upload": 404,
            "//evil.example/%2f..": 404,
            "/livez;jsessionid=1": 404,
            "/LIVEZ": 404,
            "/livez%20": 404,
            "/./livez": 404,
            "/x/../livez": 404,
            "/%6civez": 200,
            "/livez?%00=%ff&&&=": 200,
            "/livez#fragment": 200,
            "/resumes/%22%3E%3Cscript%3Ealert(1)%3C/script%3E": 404,
            "/resumes/%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E": 200,
            "/?%22%3E%3Cscript%3Ealert(1)%3C/script%3E=1": 200,
        }.items()
    },
}


@pytest.mark.parametrize("name", SERVED)
def test_odd_http_gets_its_exact_answer(target: Target, name: str) -> None:
    data, status = SERVED[name]
    answer = target.ask(data)
    assert answer.status == status, answer
    assert "x-injected" not in answer.headers
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert b"<script>alert" not in answer.body
        assert b"onerror=alert(1)>" not in answer.body
    if status >= 400 and b"HEAD" not in data:
        assert is_problem(answer, status)


def upload_head(target: Target) -> bytes:
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    return request("POST", UPLOAD, *headers, "Transfer-Encoding: chunked")


FORM = form(file_part())
CHUNK = b"%x\r\n%b\r\n" % (len(FORM), FORM)

CHUNKS: dict[str, tuple[bytes, int]] = {
    "with an extension": (CHUNK.replace(b"\r\n", b';a="b"\r\n', 1) + b"0\r\n\r\n", 202),
    "with a trailer": (CHUNK + b"0\r\nX-Digest: x\r\n\r\n", 202),
    "leading zeros": (b"0000" + CHUNK + b"0\r\n\r\n", 202),
    "no size": (b"\r\nabc\r\n0\r\n\r\n", 400),
    "a negative size": (b"-5\r\nabcde\r\n0\r\n\r\n", 400),
    "a signed size": (b"+5\r\nabcde\r\n0\r\n\r\n", 400),
    "a prefixed size": (b"0x5\r\nabcde\r\n0\r\n\r\n", 400),
    "a size with a space before": (b" 5\r\nabcde\r\n0\r\n\r\n", 400),
    "a size with an underscore": (b"1_0\r\nabcde\r\n0\r\n\r\n", 400),
    "a size beyond 64 bits": (b"f" * 17 + b"\r\nabc", 400),
    "a size of 10 KB of zeros": (b"0" * 10_000 + b"5\r\nabcde\r\n0\r\n\r\n", 400),
    "an extension of 10 KB": (b"5;a=" + b"x" * 10_000 + b"\r\nabcde\r\n0\r\n\r\n", 400),
    "an extension with a return": (b"5;a\rb\r\nabcde\r\n0\r\n\r\n", 400),
    "an extension that is none": (b"5;\x00\r\nabcde\r\n0\r\n\r\n", 400),
    "more data than size": (b"3\r\nabcde\r\n0\r\n\r\n", 400),
    "a line feed alone": (b"5\nabcde\n0\n\n", 400),
    "cut within a chunk": (b"ff\r\nabc", 400),
    "cut before the last chunk": (b"5\r\nabcde\r\n", 400),
    "nothing at all": (b"", 400),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_get_their_exact_answer(target: Target, name: str) -> None:
    data, status = CHUNKS[name]
    answer = target.ask(upload_head(target), data, ends=True)
    assert answer.status == status, answer.json


def test_a_forbidden_trailer_changes_nothing(target: Target) -> None:
    with target.wire() as connection:
        connection.send(upload_head(target), CHUNK, b"0\r\nAuthorization: Bearer x\r\n\r\n", SECOND)
        assert connection.answer().status == 400
        assert connection.is_ended()


def statuses(target: Target, *parts: bytes, count: int) -> list[int]:
    with target.wire() as connection:
        connection.send(*parts)
        answers = [connection.answer().status for _ in range(count)]
        connection.end_sending()
        assert connection.is_ended()
        return answers


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (request("GET", "/livez"), [200, 200]),
        (request("GET", "/livez", body=SECOND), [200, 200]),
        (request("POST", UPLOAD, body=SECOND * 1_000), [401, 200]),
        (request("POST", UPLOAD, body=b"x" * 2_000_000), [401, 200]),
        (request("POST", UPLOAD, "Content-Encoding: gzip", body=SECOND), [401, 200]),
        (request("POST", "/nowhere", body=SECOND), [404, 200]),
        (request("DELETE", UPLOAD, body=SECOND), [405, 200]),
        (
            request("POST", UPLOAD, "Transfer-Encoding: chunked") + chunked(SECOND * 100, 50),
            [401, 200],
        ),
    ],
)
def test_the_body_of_a_refused_request_is_not_the_next_request(
    target: Target, first: bytes, expected: list[int]
) -> None:
    assert statuses(target, first, get(), count=len(expected)) == expected


@pytest.mark.parametrize("rest", [b"ZZ\r\n", b"5\r\nabcdeXX", b"5;\0\r\nabcde\r\n"])
def test_after_a_broken_body_that_nobody_wanted_the_connection_ends(
    target: Target, rest: bytes
) -> None:
    head = request("POST", UPLOAD, "Transfer-Encoding: chunked")
    assert statuses(target, head, rest, SECOND, count=1) == [401]


@pytest.mark.parametrize("size", [0, 5])
def test_a_refused_handshake_ends_the_connection(target: Target, size: int) -> None:
    assert statuses(target, request("GET", "/ws", body=b"x" * size), get(), count=1) == [400]


def test_a_client_that_waits_for_100_gets_it(target: Target) -> None:
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    head = request("POST", UPLOAD, *headers, "Expect: 100-continue", f"Content-Length: {len(FORM)}")
    with target.wire() as connection:
        connection.send(head)
        assert connection.take(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(FORM)
        assert connection.answer().status == 202


def test_a_client_that_would_wait_for_100_may_be_refused(target: Target) -> None:
    head = request("POST", UPLOAD, "Expect: 100-continue", "Content-Length: 9")
    assert target.ask(head, ends=True).status == 401


@pytest.mark.parametrize(
    ("headers", "size_bytes", "status"),
    [
        (("Connection: close",), 20_000_000, 401),
        (("Connection: keep-alive",), 20_000_000, 401),
    ],
)
def test_a_refused_client_gets_to_read_why_while_he_is_still_sending(
    target: Target, headers: tuple[str, ...], size_bytes: int, status: int
) -> None:
    assert target.ask(request("POST", UPLOAD, *headers, body=b"x" * size_bytes)).status == status


def test_what_is_no_http_leaves_no_memory_behind(target: Target, web_pid: int) -> None:
    worst: list[Any] = ["a header of 900 KB", "800 KB of languages", "a target of 1 MB"]

    def attack() -> None:
        for name in worst * 2:
            target.ask(REFUSED[name][0])
        target.ask(request("POST", UPLOAD, body=b"x" * 10_000_000))

    assert growth_bytes(web_pid, attack, warm_up=1, repeats=3) < MAX_GROWTH_BYTES
