"""Handshakes that are none, and clients that abuse an open socket, on the whole service."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from bson import ObjectId

from tests.eventually import eventually
from tests.hostile.frames import BINARY, CUT, PING, TEXT, Socket, claims, close, frame, websocket
from tests.hostile.processes import descriptors, growth_bytes
from tests.hostile.target import SOCKETS_PER_PROCESS, Target, is_problem
from tests.hostile.wire import HANDSHAKE, request
from tests.services.client import TestUser

SOCKETS_PER_USER = 10
MAX_GROWTH_BYTES = 8 * 1024 * 1024
FLOOD, EXPIRED, TOO_MANY, TOO_SLOW = 1008, 4401, 4429, 1013


def with_header(name: str, *values: str) -> tuple[str, ...]:
    """Return the right handshake with that header changed, left out, or there several times."""
    rest = [line for line in HANDSHAKE if not line.startswith(f"{name}:")]
    return (*rest, *(f"{name}: {value}" for value in values))


HANDSHAKES: dict[str, tuple[tuple[str, ...], int]] = {
    # Origin: a page of another site must not use our socket
    **{
        f"Origin: {origin}": ((*HANDSHAKE, f"Origin: {origin}"), 403)
        for origin in (
            *("null", "", "*", "https://evil.example", "http://localhost.evil.example"),
            *("http://evil.example/localhost", "http://localhost@evil.example", "localhost"),
            *("http://localhost:81", "http://localhost/", "HTTP://LOCALHOST", "//localhost"),
            *("ws://localhost", "file://", "chrome-extension://abcdef", "http://127.0.0.1"),
            *("http://localhost, http://evil.example", "http://localhost\x80"),
        )
    },
    "two Origins": ((*HANDSHAKE, "Origin: http://localhost", "Origin: http://localhost"), 403),
    "our own Origin": ((*HANDSHAKE, "Origin: http://localhost"), 101),
    "our own Origin behind TLS": ((*HANDSHAKE, "Origin: https://localhost"), 101),
    "no Origin, as programs do": (HANDSHAKE, 101),
    # Key and version
    "no key": (with_header("Sec-WebSocket-Key"), 400),
    "an empty key": (with_header("Sec-WebSocket-Key", ""), 400),
    "a key of 15 bytes": (with_header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA"), 400),
    "a key of 17 bytes": (with_header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA="), 400),
    "a key of 4 KB": (with_header("Sec-WebSocket-Key", "A" * 4_096), 400),
    "a key without padding": (with_header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA"), 400),
    "a key in the other base64": (
        with_header("Sec-WebSocket-Key", "____________________-A=="),
        400,
    ),
    "a key with a space": (with_header("Sec-WebSocket-Key", "AAAAAAAAAAA AAAAAAAAAA=="), 400),
    "a key beyond ASCII": (with_header("Sec-WebSocket-Key", "\xe9" * 22 + "=="), 400),
    "two keys": (with_header("Sec-WebSocket-Key", *["AAAAAAAAAAAAAAAAAAAAAA=="] * 2), 400),
    "no version": (with_header("Sec-WebSocket-Version"), 426),
    **{
        f"version {version}": (with_header("Sec-WebSocket-Version", version), 426)
        for version in ("", "0", "8", "12", "14", "013", "13, 8", "13.0", "-13", "\xb93")
    },
    "two versions": (with_header("Sec-WebSocket-Version", "13", "13"), 426),
    # The upgrade itself
    "no upgrade": (with_header("Upgrade"), 400),
    "another upgrade": (with_header("Upgrade", "h2c"), 400),
    "an upgrade of a kind": (with_header("Upgrade", "websocket2"), 400),
    "no connection": (with_header("Connection"), 400),
    "another connection": (with_header("Connection", "keep-alive"), 400),
    "a connection of many": (with_header("Connection", "keep-alive, Upgrade"), 101),
    "deflate": ((*HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate"), 101),
    "an extension that is none": ((*HANDSHAKE, "Sec-WebSocket-Extensions: ;;,="), 101),
    "a subprotocol": ((*HANDSHAKE, "Sec-WebSocket-Protocol: chat, superchat"), 101),
    "a host that is none": ((*HANDSHAKE, "X-Forwarded-Host: a..b"), 101),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_handshake_gets_its_exact_answer(target: Target, name: str) -> None:
    headers, status = HANDSHAKES[name]
    answer = target.ask(request("GET", f"/ws?token={target.new_user().token}", *headers))
    assert answer.status == status, answer
    if status == 101:
        # Neither compression nor a protocol that we do not speak.
        assert answer.headers.keys() == {"upgrade", "connection", "sec-websocket-accept"}
    else:
        assert is_problem(answer, status)
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize(
    ("method", "status"),
    [("POST", 405), ("PUT", 405), ("CONNECT", 405), ("OPTIONS", 400), ("HEAD", 400)],
)
def test_other_methods_open_no_socket(target: Target, method: str, status: int) -> None:
    path = f"/ws?token={target.new_user().token}"
    assert target.ask(request(method, path, *HANDSHAKE)).status == status


def test_http_1_0_opens_no_socket(target: Target) -> None:
    data = request("GET", f"/ws?token={target.new_user().token}", *HANDSHAKE)
    assert is_problem(target.ask(data.replace(b"HTTP/1.1", b"HTTP/1.0", 1)), 400)


# --- Numbers -------------------------------------------------------------------------------------


def open_sockets(target: Target) -> float:
    metrics = requests.get(f"{target.url}/metrics", timeout=10).text
    lines = [line for line in metrics.splitlines() if line.startswith("websocket_connections{")]
    lines += [line for line in metrics.splitlines() if line.startswith("websocket_connections ")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@pytest.fixture
def alone(target: Target) -> None:
    """No socket of an earlier test is left."""
    eventually(lambda: open_sockets(target) == 0, within_s=20)


@pytest.mark.usefixtures("alone")
def test_a_user_has_so_many_sockets_and_his_others_go_on(target: Target) -> None:
    user = target.new_user()
    with ExitStack() as opened:
        sockets = [opened.enter_context(websocket(target, user)) for _ in range(SOCKETS_PER_USER)]
        for _ in range(5):
            with websocket(target, user) as one_more:
                assert one_more.close_code() == TOO_MANY
        assert all(socket.is_open() for socket in sockets)


def open_one(target: Target, opened: ExitStack) -> Socket:
    """Open a socket; one that has just been left keeps its place for a moment."""
    user = target.new_user()
    return eventually(lambda: opened.enter_context(websocket(target, user)), within_s=20)


@pytest.mark.usefixtures("alone")
def test_a_full_process_refuses_before_the_upgrade_and_serves_http(target: Target) -> None:
    with ExitStack() as opened:
        for _ in range(SOCKETS_PER_PROCESS):
            open_one(target, opened)
        for _ in range(3):
            path = f"/ws?token={target.new_user().token}"
            answer = target.ask(request("GET", path, *HANDSHAKE))
            assert is_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        target.accepted(target.new_user())
    eventually(lambda: open_sockets(target) == 0, within_s=20)
    with ExitStack() as opened:
        assert open_one(target, opened).is_open()


def leaves_by_close(socket: Socket) -> None:
    socket.send(close(1000))
    assert socket.close_code() == 1000


def leaves_by_reset(socket: Socket) -> None:
    socket.wire.reset()


def leaves_in_a_frame(socket: Socket) -> None:
    socket.send(claims(BINARY, b"\xfe\xff\xff") + b"half")
    socket.wire.end_sending()
    assert socket.close_code() == CUT


def violates(socket: Socket) -> None:
    socket.send(b"\xff" * 10)
    assert socket.close_code() == 1002


@pytest.mark.usefixtures("alone")
def test_sockets_that_come_and_go_leave_nothing(target: Target, web_pid: int) -> None:
    """Sockets, descriptors and memory are back where they were."""
    leave: list[Callable[[Socket], None]]
    leave = [leaves_by_close, leaves_by_reset, leaves_in_a_frame, violates]
    users = [target.new_user() for _ in range(4)]

    def cycle() -> None:
        for number in range(60):
            with websocket(target, users[number % 4]) as socket:
                leave[number % 4](socket)
        eventually(lambda: open_sockets(target) == 0, within_s=20)

    before = descriptors(web_pid)
    growth = growth_bytes(web_pid, cycle, warm_up=1, repeats=4)
    assert growth < MAX_GROWTH_BYTES
    eventually(lambda: descriptors(web_pid) <= before + 5, within_s=20)


# --- Readers that do not read, and times ---------------------------------------------------------


def tell(target: Target, user: TestUser, text: str) -> None:
    """Append an event of a job of his, as a worker would."""
    target.database["job_events"].insert_one(
        {
            "job_id": ObjectId(),
            "user_id": ObjectId(user.id),
            "to": "processing",
            "rev": 2,
            "error_message": text,
            "resume_id": "",
            "at": datetime.now(UTC),
        }
    )


@pytest.mark.usefixtures("alone")
def test_readers_who_do_not_read_delay_nobody_and_are_cut(target: Target) -> None:
    lazy, quick = target.new_user(), target.new_user()
    with ExitStack() as opened:
        for _ in range(SOCKETS_PER_USER):
            opened.enter_context(websocket(target, lazy, receive_buffer_bytes=2_048))
        socket = opened.enter_context(websocket(target, quick))
        for number in range(5):
            tell(target, lazy, "x" * 3_000_000)
            tell(target, quick, str(number))
        told = [json.loads((socket.next() or (0, b"{}"))[1]) for _ in range(5)]
        assert [frame["payload"]["error_message"] for frame in told] == list("01234")
        # He takes no frame within the send deadline of 10 s, so that he holds no memory longer.
        eventually(lambda: open_sockets(target) == 1, within_s=40)
        assert socket.is_open()


@pytest.mark.usefixtures("alone")
def test_a_reader_who_is_far_behind_is_told_to_come_back(target: Target) -> None:
    user = target.new_user()
    with websocket(target, user, receive_buffer_bytes=2_048) as socket:
        tell(target, user, "x" * 6_000_000)
        for _ in range(80):  # more than the outbox holds
            tell(target, user, "y")
        # The change stream is through with them when it has told somebody else.
        with websocket(target, other := target.new_user()) as marker:
            tell(target, other, "now")
            assert marker.next()
        assert socket.close_code() == TOO_SLOW


def test_a_flood_does_not_outlive_the_token(target: Target) -> None:
    user = target.new_user()
    short = TestUser(user.id, target.token(sub=user.id, exp=time.time() + 5))
    with websocket(target, short) as socket:
        for _ in range(20):
            socket.send(frame(PING))
        assert socket.close_code() == EXPIRED


def test_orders_of_a_client_are_not_obeyed(target: Target) -> None:
    """There is nothing to subscribe to: a socket hears of its own user, whatever it says."""
    owner, stranger = target.new_user(), target.new_user()
    orders: list[Any] = [
        {"type": "subscribe", "user_id": owner.id},
        {"type": "job_status", "payload": {"user_id": {"$ne": None}}},
        {"token": owner.token},
    ]
    with websocket(target, stranger) as socket:
        for order in orders:
            socket.send(frame(TEXT, json.dumps(order).encode()))
        assert socket.is_open()
        target.ended(owner, target.accepted(owner))
        tell(target, stranger, "for you")
        told = json.loads((socket.next() or (0, b"{}"))[1])
        assert told["payload"]["error_message"] == "for you"
