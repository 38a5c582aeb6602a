"""WebSocket frames by hand (RFC 6455, part 5), and a client that sends what it is told to."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hostile.target import Target
from tests.hostile.wire import HANDSHAKE, Wire, request
from tests.services.client import TestUser

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_STATUS = 1005
#: The end of the connection without a close frame.
CUT = 1006
_KEY = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, key: bytes | None = _KEY
) -> bytes:
    """Return a frame of the shortest form; unmasked without a key."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = 0 if key is None else 0x80
    size = len(payload)
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    return head + masked(payload, key)


def masked(payload: bytes, key: bytes | None = _KEY) -> bytes:
    if key is None:
        return payload
    stream = key * (len(payload) // 4 + 1)
    size = len(payload)
    mixed = int.from_bytes(payload) ^ int.from_bytes(stream[:size])
    return key + mixed.to_bytes(size)


def claims(opcode: int, length: bytes) -> bytes:
    """Return the head of a masked frame with its length as given."""
    return bytes([0x80 | opcode]) + length + _KEY


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Socket:
    """An open WebSocket."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def send(self, *data: bytes) -> None:
        self.wire.send(*data)

    def next(self) -> tuple[int, bytes] | None:
        """Return the next frame's opcode and payload; None at the end."""
        head = self.wire.take(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size == 126:
            size = int.from_bytes(self.wire.take(2))
        elif size == 127:
            size = int.from_bytes(self.wire.take(8))
        return head[0] & 0x0F, self.wire.take(size)

    def close_code(self) -> int:
        """Return the code the service closes with, after whatever else it sends."""
        while (received := self.next()) is not None:
            opcode, payload = received
            if opcode == CLOSE:
                return int.from_bytes(payload[:2]) if payload else NO_STATUS
        return CUT

    def is_open(self) -> bool:
        """True when a ping is answered."""
        self.send(frame(PING, b"still there?"))
        while (received := self.next()) is not None:
            if received == (PONG, b"still there?"):
                return True
            if received[0] == CLOSE:
                return False
        return False


@contextmanager
def websocket(target: Target, user: TestUser, receive_buffer_bytes: int = 0) -> Iterator[Socket]:
    with target.wire(receive_buffer_bytes) as wire:
        wire.send(request("GET", f"/ws?token={user.token}", *HANDSHAKE))
        assert wire.answer().status == 101
        yield Socket(wire)
