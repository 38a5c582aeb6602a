"""The request's socket as simple-websocket gets it: what is sent arrives whole, or nothing follows.

simple-websocket 1.1.0 writes with `send` from two threads, so under gevent a slow peer's stream is
torn (docs/adr/0006). One per connection, used by the request's greenlet and by simple-websocket's
reader. Promises: each `send` is one locked `sendall` with a deadline; after a torn one the socket
is dead; `close` lets the peer read the close frame; the descriptor stays gunicorn's to close.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

#: How long a peer may take to answer our close frame. It delays a restart by as much.
LINGER_S = 1.0
_DISCARD_BYTES = 65_536


class WholeFrameSocket:
    """Wraps `environ["gunicorn.socket"]`."""

    def __init__(self, sock: socket.socket, send_deadline_s: float) -> None:
        # A timeout bounds `sendall` as a whole. It can't cut an idle reader, which calls `recv`
        # only after its selector has seen data.
        sock.settimeout(send_deadline_s)
        self._sock = sock
        self._lock = threading.Lock()
        #: Called with the size of all that arrives.
        self.on_received: Callable[[int], object] = bool
        #: Called once the reader has ended: simple-websocket itself does not always tell.
        self.on_close: Callable[[], object] = bool

    def fileno(self) -> int:
        """Return the descriptor, for the reader's selector."""
        return self._sock.fileno()

    def recv(self, size_bytes: int) -> bytes:
        """Return what has arrived, b"" at the end."""
        data = self._sock.recv(size_bytes)
        self.on_received(len(data))
        return data

    def send(self, data: bytes) -> int:
        """Send all of `data` before any other thread's; raises OSError, TimeoutError included."""
        with self._lock:
            try:
                self._sock.sendall(data)
            except BaseException:
                # Part of a frame may be out: whatever came next would be read as its rest.
                self.abort()
                raise
        return len(data)

    def abort(self) -> None:
        """Cut the connection, waking whoever reads or writes; any thread, any number of times."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End our direction, and wait a little for the peer to end his; the reader's last call.

        Closing over unread bytes would reset the connection, and the peer would lose the close
        frame that says why.
        """
        self.on_close()
        deadline = time.monotonic() + LINGER_S
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(LINGER_S)
            while time.monotonic() < deadline and self._sock.recv(_DISCARD_BYTES):
                time.sleep(0)  # a peer that never stops sending must not hold the other greenlets
