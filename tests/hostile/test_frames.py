"""Frames against RFC 6455: each violation is closed with its code, the rest is borne.

What a client says is ignored, so a connection that goes on is one that still answers a ping.
"""

import random

import pytest

from tests.hostile.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CUT,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    claims,
    close,
    frame,
    websocket,
)
from tests.hostile.processes import growth_bytes
from tests.hostile.target import Target
from tests.services.client import TestUser

MAX_GROWTH_BYTES = 8 * 1024 * 1024
PROTOCOL_ERROR, BAD_DATA, POLICY, TOO_BIG = 1002, 1007, 1008, 1009
MAX_MESSAGE = 4_096

VIOLATIONS: dict[str, tuple[bytes, int]] = {
    # 5.1: a client masks
    "unmasked text": (frame(TEXT, b"x", key=None), PROTOCOL_ERROR),
    "unmasked ping": (frame(PING, key=None), PROTOCOL_ERROR),
    "unmasked close": (frame(CLOSE, key=None), PROTOCOL_ERROR),
    # 5.2: bits and opcodes that mean nothing
    **{
        f"reserved bits {rsv:03b}": (frame(TEXT, b"x", rsv=rsv), PROTOCOL_ERROR)
        for rsv in range(1, 8)
    },
    "a reserved bit of a ping": (frame(PING, rsv=4), PROTOCOL_ERROR),
    **{
        f"opcode {opcode:x}": (frame(opcode, b"x"), PROTOCOL_ERROR)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "a length in 2 bytes for 1": (claims(TEXT, b"\xfe\0\5") + b"xxxxx", PROTOCOL_ERROR),
    "a length in 8 bytes for 1": (claims(TEXT, b"\xff" + bytes(7) + b"\5") + b"x", PROTOCOL_ERROR),
    "a length in 8 bytes for 2": (claims(TEXT, b"\xff" + bytes(6) + b"\1\0"), PROTOCOL_ERROR),
    "a length of 64 bits": (claims(BINARY, b"\xff" * 9), PROTOCOL_ERROR),
    # 5.4: fragments
    "a continuation of nothing": (frame(CONTINUATION, b"x"), PROTOCOL_ERROR),
    "an unfinished continuation of nothing": (frame(CONTINUATION, fin=False), PROTOCOL_ERROR),
    "a text within a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), PROTOCOL_ERROR),
    "a binary within a text": (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), PROTOCOL_ERROR),
    "a continuation after the end": (frame(TEXT, b"a") + frame(CONTINUATION, b"b"), PROTOCOL_ERROR),
    # 5.5: control frames are short and whole
    "a ping in fragments": (frame(PING, fin=False), PROTOCOL_ERROR),
    "a pong in fragments": (frame(PONG, fin=False), PROTOCOL_ERROR),
    "a close in fragments": (frame(CLOSE, fin=False), PROTOCOL_ERROR),
    "a ping of 126": (frame(PING, b"x" * 126), PROTOCOL_ERROR),
    "a pong of 126": (frame(PONG, b"x" * 126), PROTOCOL_ERROR),
    "a close of 126": (close(1000, b"x" * 124), PROTOCOL_ERROR),
    "a ping of 70,000": (frame(PING, b"x" * 70_000), PROTOCOL_ERROR),
    # 5.5.1 and 7.4: codes
    "a close of 1 byte": (frame(CLOSE, b"\3"), PROTOCOL_ERROR),
    **{
        f"close code {code}": (close(code), PROTOCOL_ERROR)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a close that is no UTF-8": (close(1000, b"\xff\xfe"), BAD_DATA),
    "a close cut in a character": (close(1000, "ủ".encode()[:2]), BAD_DATA),
    # 8.1: text is UTF-8
    "a lone byte": (frame(TEXT, b"\xff"), BAD_DATA),
    "an overlong slash": (frame(TEXT, b"\xc0\xaf"), BAD_DATA),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), BAD_DATA),
    "beyond Unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), BAD_DATA),
    "half a character": (frame(TEXT, "ủ".encode()[:2]), BAD_DATA),
    "half a character, later": (
        frame(TEXT, b"ok", fin=False) + frame(CONTINUATION, "ủ".encode()[:2]),
        BAD_DATA,
    ),
    # Our own bounds
    "a message of 4 KB and 1": (frame(TEXT, b"x" * (MAX_MESSAGE + 1)), TOO_BIG),
    "a binary of 64 KB": (frame(BINARY, bytes(65_535)), TOO_BIG),
    "a binary of 1 MB": (frame(BINARY, bytes(1_000_000)), TOO_BIG),
    "fragments of 4 KB and 1": (
        frame(TEXT, b"x" * MAX_MESSAGE, fin=False) + frame(CONTINUATION, b"x"),
        TOO_BIG,
    ),
    "fragments without end": (
        frame(TEXT, fin=False) + frame(CONTINUATION, b"x", fin=False) * (MAX_MESSAGE + 1),
        TOO_BIG,
    ),
    "1 GB, claimed and begun": (
        claims(BINARY, b"\xff" + (1 << 30).to_bytes(8)) + bytes(MAX_MESSAGE + 1),
        TOO_BIG,
    ),
    "100 messages": (frame(TEXT, b"x") * 100, POLICY),
    "20,000 pings": (frame(PING) * 20_000, POLICY),
    "20,000 pongs": (frame(PONG) * 20_000, POLICY),
    "20,000 empty fragments": (
        frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 20_000,
        POLICY,
    ),
    # What is no WebSocket
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", PROTOCOL_ERROR),
    "TLS": (b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", PROTOCOL_ERROR),
    "NULs": (bytes(64), PROTOCOL_ERROR),
    "ones": (b"\xff" * 64, PROTOCOL_ERROR),
    # 5.5.1: a proper end is answered with its own code
    **{
        f"a proper close {code}": (close(code, b"bye"), code)
        for code in (1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
    "a close without code": (frame(CLOSE), NO_STATUS),
    "a close, and more": (close(1000) + frame(TEXT, b"x") * 500, 1000),
    "a close within fragments": (frame(TEXT, b"a", fin=False) + close(1001), 1001),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_closed_with_its_code(target: Target, name: str) -> None:
    data, code = VIOLATIONS[name]
    with websocket(target, target.new_user()) as socket:
        socket.send(data)
        assert socket.close_code() == code
        assert socket.next() is None


BORNE: dict[str, bytes] = {
    "an empty text": frame(TEXT),
    "an empty binary": frame(BINARY),
    "a key of zeros": frame(TEXT, b"text", key=bytes(4)),
    "a message of 4 KB": frame(TEXT, b"x" * MAX_MESSAGE),
    "fragments of 4 KB": frame(BINARY, bytes(2_048), fin=False) + frame(CONTINUATION, bytes(2_048)),
    "empty fragments": frame(TEXT, fin=False)
    + frame(CONTINUATION, fin=False) * 20
    + frame(CONTINUATION),
    "a ping within fragments": frame(TEXT, b"a", fin=False)
    + frame(PING)
    + frame(CONTINUATION, b"b"),
    "a character over two fragments": (
        frame(TEXT, "ủ".encode()[:1], fin=False) + frame(CONTINUATION, "ủ".encode()[1:])
    ),
    "a pong that nobody asked for": frame(PONG, b"x" * 125),
    "a ping of 125": frame(PING, b"x" * 125),
    "NUL in a text": frame(TEXT, b"\0"),
    "JSON that is an order": frame(TEXT, b'{"type": "subscribe", "user_id": {"$ne": null}}'),
    "60 messages": frame(TEXT, b"x") * 60,
}


@pytest.mark.parametrize("name", BORNE)
def test_what_the_protocol_allows_is_borne(target: Target, name: str) -> None:
    with websocket(target, target.new_user()) as socket:
        socket.send(BORNE[name])
        assert socket.is_open()


def test_a_ping_is_answered_with_what_it_said(target: Target) -> None:
    with websocket(target, target.new_user()) as socket:
        socket.send(frame(PING, b"x" * 125), frame(PING, b"\0\xff"))
        assert [socket.next(), socket.next()] == [(PONG, b"x" * 125), (PONG, b"\0\xff")]


def test_a_frame_may_come_byte_by_byte(target: Target) -> None:
    with websocket(target, target.new_user()) as socket:
        for byte in frame(TEXT, b"x" * 200) + frame(PING, b"drip"):
            socket.send(bytes([byte]))
        assert socket.next() == (PONG, b"drip")


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_closed(target: Target, seed: int) -> None:
    noise = random.Random(seed)
    with websocket(target, target.new_user()) as socket:
        socket.send(noise.randbytes(70_000))
        assert socket.close_code() in {PROTOCOL_ERROR, BAD_DATA, POLICY, TOO_BIG, CUT}


def test_frames_leave_no_memory_behind(target: Target, web_pid: int) -> None:
    user: TestUser = target.new_user()

    def attack() -> None:
        for name in ("a binary of 1 MB", "20,000 pings", "20,000 empty fragments"):
            for _ in range(2):
                with websocket(target, user) as socket:
                    socket.send(VIOLATIONS[name][0])
                    socket.close_code()

    assert growth_bytes(web_pid, attack, warm_up=1, repeats=3) < MAX_GROWTH_BYTES
