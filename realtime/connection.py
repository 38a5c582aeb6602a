"""One WebSocket: what is offered to it goes into a bounded outbox and out through one writer.

On the data's way: hub -> CONNECTION -> browser. The request's own greenlet is the writer: it calls
`run`, then `finish`. Any thread may call `offer` and `close`: they leave a note and return at once.
simple-websocket's reader thread answers pings and notices the peer's end. Promises: a job's frames
go out in the order of their `rev`, none twice, and none is left out silently: a client that is too
slow is closed, and gets a fresh snapshot when it comes back.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple, Protocol

import structlog
from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from realtime import metrics
from realtime.frames import Frame
from realtime.options import Options
from realtime.whole_frame_socket import LINGER_S, WholeFrameSocket

log = structlog.get_logger(__name__)

NORMAL = 1000
GOING_AWAY = 1001
NO_STATUS = 1005
VANISHED = 1006
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
TOKEN_EXPIRED = 4401
TOO_MANY_CONNECTIONS = 4429

#: A token ends by the wall clock, which may be set meanwhile: look at it now and then.
_LONGEST_WAIT_S = 60.0
_MINUTE_S = 60.0


class WebSocket(Protocol):
    """What is used of simple-websocket's `Server`."""

    connected: bool
    close_reason: int
    close_message: str | None
    event: threading.Event
    thread: threading.Thread
    sock: WholeFrameSocket
    input_buffer: object

    def send(self, data: str) -> None:
        """Write a text frame; blocks."""

    def close(self, reason: int, message: str) -> None:
        """Write a close frame; blocks."""


class Ending(NamedTuple):
    """Why we end a connection."""

    code: int
    reason: str


class Connection:
    """One client; `expires_at` is the token's end in POSIX seconds.

    It takes frames from the moment it is made, before there is a socket: a client who sees his
    handshake answered misses nothing that happens from then on.
    """

    _ws: WebSocket

    def __init__(self, *, expires_at: float, options: Options) -> None:
        self._expires_at = expires_at
        self._outbox: deque[Frame] = deque()
        self._outbox_frames = options.outbox_frames
        self._sent_rev: dict[str, int] = {}
        self._ending: Ending | None = None
        # One event wakes the writer, whoever has news: the hub, the reader, or the socket's end.
        self._wake = threading.Event()
        self._messages = _PerMinute(options.client_messages_per_minute, self._on_flood)
        self._bytes = _PerMinute(options.client_bytes_per_minute, self._on_flood)

    def offer(self, frame: Frame) -> bool:
        """Queue the frame without blocking; False when the connection is ending."""
        if self._ending is None and len(self._outbox) >= self._outbox_frames:
            # To drop a frame would leave the page on a stale status for good.
            self.close(TRY_AGAIN_LATER, "too slow")
        if self._ending is not None:
            return False
        self._outbox.append(frame)
        self._wake.set()
        return True

    def close(self, code: int, reason: str) -> None:
        """Have the writer end the connection, after the frame it is at; the first call counts."""
        self._ending = self._ending or Ending(code, reason)
        self._wake.set()

    def run(self, ws: WebSocket, snapshot: Iterable[Frame]) -> None:
        """Send the snapshot, then what is offered, until either side ends it."""
        self._attach(ws)
        try:
            for frame in chain(snapshot, self._offered()):
                if self._ending:
                    break
                self._send(frame)
        except TimeoutError:
            self.close(TRY_AGAIN_LATER, "send deadline")
        except (ConnectionClosed, LocalProtocolError, OSError) as error:
            log.debug("ws.lost", error=repr(error))

    def finish(self) -> int:
        """Say goodbye, see the reader off, and return the code it ended with."""
        code = self._say_goodbye()
        self._ws.thread.join(LINGER_S)
        # The reader watches the descriptor, which gunicorn closes when the request returns.
        self._ws.sock.abort()
        self._ws.thread.join(LINGER_S)
        return code

    def _attach(self, ws: WebSocket) -> None:
        self._ws = ws
        ws.event = self._wake
        ws.sock.on_close = self._wake.set
        ws.sock.on_received = self._bytes.add
        # Stands in for simple-websocket's list of input, which has no bound.
        ws.input_buffer = self._messages
        # The reader may have had news for the event that it had before.
        self._wake.set()

    def _say_goodbye(self) -> int:
        if self._ws.connected:
            code, reason = self._ending or Ending(INTERNAL_ERROR, "internal error")
            with suppress(ConnectionClosed, LocalProtocolError, OSError):
                self._ws.close(code, reason)
            return code
        if self._ending:
            return self._ending.code
        # A close frame has a message, if an empty one.
        return VANISHED if self._ws.close_message is None else int(self._ws.close_reason)

    def _offered(self) -> Iterator[Frame]:
        while self._ending is None and self._ws.connected:
            remaining_s = self._expires_at - time.time()
            if remaining_s <= 0:
                self.close(TOKEN_EXPIRED, "token expired")
            elif self._outbox:
                yield self._outbox.popleft()
            else:
                self._wake.wait(min(remaining_s, _LONGEST_WAIT_S))
                # Cleared before the look at everything it may stand for, never after.
                self._wake.clear()

    def _send(self, frame: Frame) -> None:
        if frame.rev <= self._sent_rev.get(frame.job_id, 0):
            return
        self._ws.send(frame.text)
        self._sent_rev[frame.job_id] = frame.rev
        metrics.messages_sent.inc()

    def _on_flood(self) -> None:
        self.close(POLICY_VIOLATION, "too many messages")


class _PerMinute:
    """Counts what the client sends, keeps nothing of it, and tells when it is too much."""

    def __init__(self, limit: int, on_flood: Callable[[], None]) -> None:
        self._limit = limit
        self._on_flood = on_flood
        self._minute_began = time.monotonic()
        self._count = 0

    def append(self, _message: str | bytes) -> None:
        """Count a message; nobody reads it."""
        self.add(1)

    def add(self, amount: int) -> None:
        """Count so many more."""
        now = time.monotonic()
        if now - self._minute_began > _MINUTE_S:
            self._minute_began, self._count = now, 0
        self._count += amount
        if self._count > self._limit:
            self._on_flood()
