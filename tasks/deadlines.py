"""A deadline for a whole HTTP call by requests, whose own timeouts begin anew with each read.

A service that sends a byte now and then, of its status line, a header or a chunk's size, would hold
its caller for hours. Each call gets a thread that waits for the deadline and then shuts the
connection down, which ends whatever the caller is reading. Used by `parser_client.py` only.
"""

import contextlib
import socket
import threading
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

_calling = threading.local()


class Deadline:
    """One call of the thread that enters it, on a session with the `DeadlineAdapter`."""

    def __init__(self, within_s: float) -> None:
        self.has_passed = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(within_s, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _calling.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _calling.deadline = None

    def holds_for(self, connected: socket.socket) -> None:
        """Shut this socket down when the time has come, or at once when it has been."""
        self._socket = connected
        if self.has_passed:
            self._pass()

    def _pass(self) -> None:
        self.has_passed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed by now
                # Not SSLSocket's own, which would pull TLS from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _hold(connected: socket.socket | None) -> None:
    deadline: Deadline | None = getattr(_calling, "deadline", None)
    if deadline is not None and connected is not None:
        deadline.holds_for(connected)


class _HttpConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 does itself
        _hold(self.sock)
        return super().getresponse()


class _HttpsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 does itself
        _hold(self.sock)
        return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class DeadlineAdapter(HTTPAdapter):
    """Makes a session's connections end with their call's deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let the pools make connections that tell of themselves."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
