"""Realtime: job events from MongoDB's change stream to the browsers' WebSockets.

`register` adds /ws and the tickets to an app and returns its Realtime; one per web process. Nothing
runs until `start`, which belongs after gunicorn's fork (`post_worker_init`); the first client
starts it otherwise.
"""

from typing import Any

from flask import Flask
from pymongo.collection import Collection

from realtime.change_stream import ChangeStream
from realtime.fan_out import FanOut, Jobs
from realtime.hub import Hub
from realtime.options import Options
from realtime.tickets import Authenticate, MongoTicketStore, TicketStore, ticket_blueprint
from realtime.websocket import WebSocketEndpoint, websocket_blueprint

__all__ = ["Jobs", "MongoTicketStore", "Options", "Realtime", "TicketStore", "register"]

#: MongoDB answers the stream every second, with or without events.
_MAX_AGE_S = 10.0


class Realtime:
    """The realtime side of one web process."""

    def __init__(self, hub: Hub, stream: ChangeStream) -> None:
        self._hub = hub
        self._stream = stream

    def start(self) -> None:
        """Start the change stream, unless it runs; call it in the process that serves."""
        self._stream.start()

    def close_all(self, code: int, reason: str) -> None:
        """Close every connection, admit no more, and stop; from SIGTERM's handler, with 1012."""
        self._hub.close_all(code, reason)
        self._stream.stop()

    def connections(self) -> int:
        """Return how many WebSockets are open."""
        return self._hub.count()

    def age_s(self) -> float:
        """Return the seconds since the change stream was last known to be alive."""
        return self._stream.age_s()

    def healthy(self) -> bool:
        """True while events arrive, or would; part of the web process's readiness."""
        return self.age_s() < _MAX_AGE_S


def register(
    app: Flask,
    *,
    authenticate: Authenticate,
    jobs: Jobs,
    events: Collection[dict[str, Any]],
    tickets: TicketStore,
    options: Options,
) -> Realtime:
    """Add /ws and POST /api/v1/ws-ticket to the app; `events` is the collection `job_events`."""
    hub = Hub(
        max_connections=options.max_connections,
        max_connections_per_user=options.max_connections_per_user,
    )
    fan_out = FanOut(hub, jobs)
    realtime = Realtime(hub, ChangeStream(events, on_insert=fan_out.deliver, on_gap=fan_out.resync))
    endpoint = WebSocketEndpoint(
        hub=hub, jobs=jobs, authenticate=authenticate, tickets=tickets, options=options
    )
    websocket = websocket_blueprint(endpoint)
    websocket.before_request(realtime.start)
    app.config["SOCK_SERVER_OPTIONS"] = {
        "ping_interval": options.ping_interval_s,
        "max_message_size": options.max_message_bytes,
    }
    app.register_blueprint(websocket)
    app.register_blueprint(ticket_blueprint(authenticate, tickets))
    app.extensions["realtime"] = realtime
    return realtime
