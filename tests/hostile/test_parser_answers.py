"""RELIABILITY F19, what the parser's own table leaves out: answers that mean harm to the worker.

A real HTTP server misbehaves on the wire. Guards against a worker that hangs, bloats, calls where
it was never told to, or takes one person's answer for another's.
"""

import contextlib
import json
import socket
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from resumes.errors import ParserBadAnswerError, ParserRejectedError, ParserUnavailableError
from tasks.parser_client import ParserClient
from tests.services.parser_double import CV_DATA, ParserDouble, Request, completes, running_parser

Behaviour = Callable[[Request, int], None]
_FAILURES = (ParserBadAnswerError, ParserRejectedError, ParserUnavailableError)
_MIB = 1024 * 1024
#: RELIABILITY G14.
_MOST_MEMORY_BYTES = 20 * _MIB
_GOOD = json.dumps({"success": True, "message": "ok", "cv_data": CV_DATA}).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_FULL = b"Content-Length: %d\r\n\r\n%s" % (len(_GOOD), _GOOD)


@pytest.fixture(scope="module", autouse=True)
def unharmed() -> None:
    """In place of the folder's own: nothing here attacks the service that it would start."""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ParserDouble, ParserDouble]]:
    """The parser, and another server, which nobody may call."""
    with running_parser() as parser, running_parser() as other:
        yield parser, other


@pytest.fixture
def double(servers: tuple[ParserDouble, ParserDouble]) -> ParserDouble:
    servers[0].reset()
    return servers[0]


@pytest.fixture
def elsewhere(servers: tuple[ParserDouble, ParserDouble]) -> ParserDouble:
    servers[1].reset()
    return servers[1]


@pytest.fixture
def client(double: ParserDouble) -> ParserClient:
    return ParserClient(double.url, connect_timeout_s=5, timeout_s=10)


@pytest.fixture
def hasty(double: ParserDouble) -> ParserClient:
    return ParserClient(double.url, connect_timeout_s=5, timeout_s=0.5)


def writes(*pieces: bytes) -> Behaviour:
    """Put bytes of our own on the wire, and close."""

    def behave(request: Request, _number: int) -> None:
        request.close_connection = True
        with contextlib.suppress(OSError):  # the client may have left
            for piece in pieces:
                request.wfile.write(piece)

    return behave


def answers(cv_data: str) -> Behaviour:
    body = b'{"success": true, "cv_data": %s}' % cv_data.encode()
    return lambda request, _: request.send(200, body, "application/json")


@pytest.mark.parametrize(
    "cv_data",
    [
        pytest.param('{"gpa": 1e999}', id="a number that is infinite"),
        pytest.param('{"gpa": -1e999}', id="a number that is minus infinite"),
        pytest.param('{"gpa": Infinity}', id="infinity"),
        pytest.param('{"gpa": -Infinity}', id="minus infinity"),
        pytest.param('{"n": ' + "9" * 100_000 + "}", id="an integer of 100,000 digits"),
        pytest.param('{"n": ' + "[" * 500_000 + "]" * 500_000 + "}", id="arrays 500,000 deep"),
        pytest.param('{"n": ' * 50_000 + "1" + "}" * 50_000, id="objects 50,000 deep"),
        pytest.param("{'name': 'Jane'}", id="python"),
        pytest.param('{"name": "Jane",}', id="a comma too many"),
        pytest.param('{"name": "Jane"} {"name": "Joe"}', id="two documents"),
        pytest.param('{"name": "a\nb"}', id="a line break in a string"),
        pytest.param("null", id="null"),
        pytest.param("1", id="a number"),
        pytest.param('"text"', id="text"),
        pytest.param("[{}]", id="an array"),
    ],
)
def test_what_is_no_resume_in_json_is_a_bad_answer(
    cv_data: str, client: ParserClient, double: ParserDouble
) -> None:
    double.behave = answers(cv_data)
    with pytest.raises(ParserBadAnswerError):
        client.parse("resume.pdf", b"%PDF-")
    assert double.calls == 1


def test_depth_that_json_can_bear_is_no_crash(client: ParserClient, double: ParserDouble) -> None:
    for depth in (50, 200, 400, 600, 800, 950):
        double.behave = answers('{"n": ' + "[" * depth + "]" * depth + "}")
        with contextlib.suppress(ParserBadAnswerError):
            client.parse("resume.pdf", b"%PDF-")


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(writes(b"SSH-2.0-OpenSSH_9.2\r\n"), id="another protocol"),
        pytest.param(writes(b"HTTP/1.1 2 OK\r\n\r\n"), id="a status of one digit"),
        pytest.param(writes(b"HTTP/1.1 999 X\r\n\r\n"), id="a status nobody knows"),
        pytest.param(writes(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"), id="an upgrade"),
        pytest.param(writes(b"HTTP/1.1 204 No\r\n\r\n"), id="no content"),
        pytest.param(writes(b"HTTP/1.1 206 Part\r\n" + _FULL), id="a part"),
        pytest.param(writes(b"HTTP/1.1 304 Same\r\n\r\n"), id="not modified"),
        pytest.param(writes(b"\0" * 70_000), id="zeros"),
        pytest.param(writes(_HEAD + b"X: " + b"x" * 70_000 + b"\r\n" + _FULL), id="a long header"),
        pytest.param(writes(_HEAD + b"X: x\r\n" * 1000 + _FULL), id="a thousand headers"),
        pytest.param(
            writes(_HEAD + b"Content-Length: -5\r\n\r\n" + _GOOD[:9]), id="minus a length"
        ),
        pytest.param(
            writes(_HEAD + b"Content-Length: %d\r\n\r\n%s" % (2 * len(_GOOD), _GOOD)),
            id="half of it",
        ),
        pytest.param(
            writes(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
            id="a chunk of no size",
        ),
        pytest.param(
            writes(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}"), id="half a chunk"
        ),
        pytest.param(
            writes(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n"),
            id="an endless chunk",
        ),
        pytest.param(writes(b""), id="nothing"),
    ],
)
def test_http_that_is_broken_is_a_failure_of_the_contract(
    behave: Behaviour, client: ParserClient, double: ParserDouble
) -> None:
    double.behave = behave
    with pytest.raises(_FAILURES):
        client.parse("resume.pdf", b"%PDF-")


def _flood(head: bytes, piece: bytes, times: int, sent: list[int]) -> Behaviour:
    """Write the piece so often, and note how often it could be."""

    def behave(request: Request, _number: int) -> None:
        request.close_connection = True
        with contextlib.suppress(OSError):
            request.wfile.write(head)
            for number in range(times):
                request.wfile.write(piece)
                sent.append(number)

    return behave


_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_BOMB = zlib.compress(b" " * 16 * _MIB, 9)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(
            _HEAD + b"Content-Length: %d\r\n\r\n" % (100 * _MIB), b" " * 2**16, id="100 MiB"
        ),
        pytest.param(_HEAD + b"\r\n", b" " * 2**16, id="until the end of the connection"),
        pytest.param(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", _CHUNK, id="in chunks"),
        pytest.param(
            _HEAD + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n",
            _CHUNK,
            id="in both",
        ),
    ],
)
def test_a_huge_answer_is_left_unread(
    head: bytes, piece: bytes, client: ParserClient, double: ParserDouble
) -> None:
    sent: list[int] = []
    double.behave = _flood(head, piece, 1600, sent)
    with memory_stays_below(_MOST_MEMORY_BYTES), pytest.raises(ParserBadAnswerError):
        client.parse("resume.pdf", b"%PDF-")
    assert double.calls == 1
    assert len(sent) < 1600, "the client has read it all"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip, gzip", "br", "zstd"])
def test_a_compressed_answer_is_never_unpacked(
    coding: str, client: ParserClient, double: ParserDouble
) -> None:
    packed = _BOMB
    if coding.startswith("gzip"):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = packer.compress(b" " * 16 * _MIB) + packer.flush()
    double.behave = lambda request, _: request.send(
        200, packed, "application/json", Content_Encoding=coding
    )
    with memory_stays_below(_MOST_MEMORY_BYTES // 4), pytest.raises(ParserBadAnswerError):
        client.parse("resume.pdf", b"%PDF-")


@contextlib.contextmanager
def memory_stays_below(limit_bytes: int) -> Iterator[None]:
    """The double's own writing is in the sum as well."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes


def _dripping(head: bytes, piece: bytes) -> tuple[Behaviour, threading.Event]:
    """Send a piece every 50 ms for as long as the client listens: 60 s at most."""
    given_up = threading.Event()

    def behave(request: Request, _number: int) -> None:
        request.close_connection = True
        try:
            request.wfile.write(head)
            for _ in range(1200):
                request.wfile.write(piece)
                threading.Event().wait(0.05)
        except OSError:
            given_up.set()

    return behave, given_up


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(_HEAD + b"Content-Length: 5000\r\n\r\n", b" ", id="the body"),
        pytest.param(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
        pytest.param(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", id="a chunk's size"),
        pytest.param(b"", b"H", id="the status"),
        pytest.param(_HEAD + b"X: ", b"x", id="a header"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="asking for more"),
    ],
)
def test_what_drips_is_given_up_by_the_total_deadline(
    head: bytes, piece: bytes, hasty: ParserClient, double: ParserDouble
) -> None:
    double.behave, given_up = _dripping(head, piece)
    with pytest.raises(_FAILURES):
        hasty.parse("resume.pdf", b"%PDF-")
    # Not after the last of its pieces, but in the middle: 3 tries of half a second, not of 60.
    assert given_up.wait(10)


def test_a_service_that_never_reads_is_given_up() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        client = ParserClient(url, connect_timeout_s=0.5, timeout_s=0.5)
        with pytest.raises(ParserUnavailableError):
            client.parse("resume.pdf", b"%PDF-" + bytes(10 * _MIB))


def test_a_service_that_resets_while_it_is_sent_the_file() -> None:
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()
        done = threading.Event()

        def reset_each() -> None:
            while not done.is_set():
                connection, _ = rude.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

        thread = threading.Thread(target=reset_each)
        thread.start()
        port = rude.getsockname()[1]
        client = ParserClient(f"http://127.0.0.1:{port}", connect_timeout_s=1, timeout_s=1)
        with pytest.raises(ParserUnavailableError):
            client.parse("resume.pdf", b"%PDF-" + bytes(10 * _MIB))
        done.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(10)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize(
    "place", ["{}/parse/pdf", "{}@169.254.169.254/", "//{}/parse/pdf", "/parse/pdf"]
)
def test_a_redirect_is_not_followed(
    status: int, place: str, client: ParserClient, double: ParserDouble, elsewhere: ParserDouble
) -> None:
    address = elsewhere.url if place.startswith("{") else elsewhere.url.removeprefix("http://")
    double.behave = lambda request, _: request.json(
        status, {}, Location=place.format(address), Refresh=f"0; url={elsewhere.url}"
    )
    with pytest.raises(ParserBadAnswerError):
        client.parse("resume.pdf", b"%PDF-")
    assert (double.calls, elsewhere.calls) == (1, 0)


def test_no_proxy_of_the_environment_gets_the_file(
    client: ParserClient, elsewhere: ParserDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    assert client.parse("resume.pdf", b"%PDF-") == CV_DATA
    assert elsewhere.calls == 0


def test_a_connection_that_is_reset_between_two_calls_is_not_noticed(
    client: ParserClient, double: ParserDouble
) -> None:
    def answers_and_leaves(request: Request, number: int) -> None:
        completes(request, number)
        request.wfile.flush()
        request.reset()

    double.behave = answers_and_leaves
    assert [client.parse("resume.pdf", b"%PDF-") for _ in range(3)] == [CV_DATA] * 3
    assert double.calls == 3


def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(
    client: ParserClient, double: ParserDouble
) -> None:
    """Guards against one person's resume in another's account."""
    second = threading.Event()
    stray = b'{"success": true, "cv_data": {"name": "somebody else"}}'

    def answers_twice(request: Request, number: int) -> None:
        completes(request, number)
        if number == 1:
            head = _HEAD + b"Content-Length: %d\r\n\r\n" % len(stray)
            request.wfile.write(head + stray)
            request.wfile.flush()
            second.set()

    double.behave = answers_twice
    assert client.parse("resume.pdf", b"%PDF-") == CV_DATA
    assert second.wait(10)
    assert client.parse("resume.pdf", b"%PDF-") == CV_DATA


def test_the_client_works_on_after_all_of_that(client: ParserClient, double: ParserDouble) -> None:
    for behave in (writes(b"\0"), answers("null"), writes(_HEAD + b"Content-Length: 9\r\n\r\n{")):
        double.behave = behave
        with pytest.raises(_FAILURES):
            client.parse("resume.pdf", b"%PDF-")
    double.behave = completes
    assert client.parse("resume.pdf", b"%PDF-") == CV_DATA
