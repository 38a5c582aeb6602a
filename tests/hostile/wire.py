"""Bytes on a socket: what no HTTP library would send, and the answers as they come back."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: The headers that open a WebSocket.
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
_TIMEOUT_S = 30
_READ_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One TCP connection to the web process."""

    def __init__(self, url: str, receive_buffer_bytes: int = 0) -> None:
        address = urlsplit(url)
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect((address.hostname, address.port))
        self._unread = bytearray()

    @property
    def port(self) -> int:
        """Our end's."""
        return int(self.sock.getsockname()[1])

    def send(self, *parts: bytes) -> None:
        # Who is refused may be cut off before all of it is out; the answer tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                self.sock.sendall(part)

    def end_sending(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def take(self, size_bytes: int) -> bytes:
        """Return so many bytes, fewer at the end."""
        while len(self._unread) < size_bytes and self._receive():
            pass
        return self._consume(size_bytes)

    def answer(self) -> Answer:
        """Return the next answer that is not a `100 Continue`."""
        while (end := self._unread.find(b"\r\n\r\n")) < 0:
            assert self._receive(), f"closed without an answer, after {bytes(self._unread)!r}"
        status_line, *lines = self._consume(end + 4).decode("latin-1").split("\r\n")[:-2]
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        status = int(status_line.split()[1])
        if status == 100:
            return self.answer()
        has_body = status >= 200 and status not in {204, 304}
        body = self.take(int(headers.get("content-length", 0))) if has_body else b""
        return Answer(status, headers, body)

    def is_ended(self) -> bool:
        """True when the service closes the connection and says no more."""
        return not self._unread and not self._receive()

    def drain(self) -> None:
        """Read what is still coming until the service closes the connection."""
        while self._receive():
            self._unread.clear()

    def _receive(self) -> bool:
        try:
            data = self.sock.recv(_READ_BYTES)
        except ConnectionResetError:
            return False
        self._unread += data
        return bool(data)

    def _consume(self, size_bytes: int) -> bytes:
        data = bytes(self._unread[:size_bytes])
        del self._unread[:size_bytes]
        return data


@contextmanager
def wire(url: str, receive_buffer_bytes: int = 0) -> Iterator[Wire]:
    connection = Wire(url, receive_buffer_bytes)
    try:
        yield connection
    finally:
        connection.sock.close()


def request(method: str, target: str, *headers: str, body: bytes | None = None) -> bytes:
    """Return a well-formed request; `Content-Length` is added where there is a body."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers, *length, "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def chunked(data: bytes, step: int) -> bytes:
    """Return `data` in chunks, the last one included."""
    chunks = (data[start : start + step] for start in range(0, len(data), step))
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
