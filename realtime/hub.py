"""Who is connected here: user id -> that user's connections.

On the data's way: change_stream -> fan_out -> HUB -> connection. One per web process, shared by
its threads or greenlets. Promises: no call blocks, sends or knows what a socket is; the lock is
held for dictionary work only; frames published by one thread reach each connection in that order.
"""

import threading
from typing import Protocol

from realtime.frames import Frame


class TooManyConnectionsError(Exception):
    """The user has as many connections as one user may have; close the new one."""


class Subscriber(Protocol):
    """A connection as the hub sees it; neither method may block."""

    def offer(self, frame: Frame) -> bool:
        """Take the frame for sending; False when the connection is ending."""

    def close(self, code: int, reason: str) -> None:
        """Ask for the connection's end."""


class Hub:
    """The connections of one process."""

    def __init__(self, *, max_connections: int, max_connections_per_user: int) -> None:
        self._max_connections = max_connections
        self._max_connections_per_user = max_connections_per_user
        # Reentrant, as the signal handler that calls `close_all` may interrupt its holder.
        self._lock = threading.RLock()
        self._connections: dict[str, list[Subscriber]] = {}
        self._count = 0
        self._closing: tuple[int, str] | None = None

    def add(self, user_id: str, connection: Subscriber) -> None:
        """Subscribe the connection; raises TooManyConnectionsError."""
        with self._lock:
            connections = self._connections.get(user_id, [])
            if len(connections) >= self._max_connections_per_user:
                raise TooManyConnectionsError
            self._connections[user_id] = [*connections, connection]
            self._count += 1
            closing = self._closing
        if closing:
            # It was admitted before `close_all`, and is the last to hear of it.
            connection.close(*closing)

    def remove(self, user_id: str, connection: Subscriber) -> None:
        """End the subscription; the connection must have been added."""
        with self._lock:
            # A new list each time: `publish` walks the old one without the lock.
            rest = [other for other in self._connections[user_id] if other is not connection]
            if rest:
                self._connections[user_id] = rest
            else:
                del self._connections[user_id]
            self._count -= 1

    def publish(self, user_id: str, frame: Frame) -> int:
        """Offer the frame to the user's connections; return how many took it."""
        with self._lock:
            connections = self._connections.get(user_id, [])
        return sum(connection.offer(frame) for connection in connections)

    def close_all(self, code: int, reason: str) -> None:
        """Close every connection, and those still to be added; safe in a signal handler."""
        with self._lock:
            self._closing = (code, reason)
            connections = [one for several in self._connections.values() for one in several]
        for connection in connections:
            connection.close(code, reason)

    def users(self) -> list[str]:
        """Return the ids of the users who are connected here."""
        with self._lock:
            return list(self._connections)

    def has(self, user_id: str) -> bool:
        """True when the user is connected here."""
        return user_id in self._connections

    def count(self) -> int:
        """Return the number of connections."""
        return self._count

    @property
    def is_full(self) -> bool:
        """True when the process should admit no further connection."""
        return self._closing is not None or self._count >= self._max_connections
