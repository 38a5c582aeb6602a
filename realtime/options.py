"""The bounds of the realtime layer, in one value that the composition root may change.

Immutable, made once per web process.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Every limit of a web process's WebSocket side."""

    #: Origins that may connect beside the service's own, as browsers send them (scheme://host:port).
    allowed_origins: frozenset[str] = frozenset()
    #: Per process; below gunicorn's worker_connections, so that HTTP always has room.
    max_connections: int = 5_000
    max_connections_per_user: int = 10
    #: A user's job makes about four frames; a client that is this far behind does not read.
    outbox_frames: int = 64
    #: Within this time the peer takes a frame whole, or its socket is cut.
    send_deadline_s: float = 10
    #: A peer that leaves two pings in a row unanswered is gone.
    ping_interval_s: float = 25
    max_message_bytes: int = 4_096
    #: Clients have nothing to say; this leaves room for keep-alives that some libraries send.
    client_messages_per_minute: int = 60
    #: Frames that are no message cost CPU, too: pings, empty fragments of a message without end.
    client_bytes_per_minute: int = 65_536
