"""GET /ws: refuse by HTTP what can be refused, then subscribe, snapshot, pump.

Each connection holds its request's greenlet until it ends. Promises: nobody unauthenticated gets
past the handshake; a client hears of his own jobs only, and of every transition that follows his
handshake: he is subscribed before it is answered, and what happens meanwhile waits in the outbox.
"""

import structlog
from flask import Blueprint, g, request
from flask_sock import Sock
from werkzeug.exceptions import HTTPException, ServiceUnavailable, Unauthorized

from realtime import metrics
from realtime.connection import (
    GOING_AWAY,
    NO_STATUS,
    NORMAL,
    SERVICE_RESTART,
    TOO_MANY_CONNECTIONS,
    Connection,
    WebSocket,
)
from realtime.fan_out import Jobs
from realtime.frames import frame_of
from realtime.handshake import check_origin, check_protocol
from realtime.hub import Hub, TooManyConnectionsError
from realtime.options import Options
from realtime.tickets import Authenticate, TicketStore
from realtime.whole_frame_socket import WholeFrameSocket
from resumes.errors import StoreUnavailableError
from resumes.identity import Identity
from resumes.job import is_object_id

log = structlog.get_logger(__name__)

_RETRY_AFTER_S = 5
#: Closed by the client, or by us for no fault.
_NORMAL_ENDS = frozenset({NORMAL, GOING_AWAY, NO_STATUS, SERVICE_RESTART})


class WebSocketEndpoint:
    """The handshake's checks and the life of one connection."""

    def __init__(
        self,
        *,
        hub: Hub,
        jobs: Jobs,
        authenticate: Authenticate,
        tickets: TicketStore,
        options: Options,
    ) -> None:
        self._hub = hub
        self._jobs = jobs
        self._authenticate = authenticate
        self._tickets = tickets
        self._options = options

    def admit(self) -> None:
        """Subscribe the request's user and let it through to its upgrade, or raise."""
        try:
            check_protocol(request)
            check_origin(request, self._options.allowed_origins)
            identity = self._identify()
            if self._hub.is_full:
                raise ServiceUnavailable(
                    "No room for another WebSocket.", retry_after=_RETRY_AFTER_S
                )
            self._subscribe(identity)
        except HTTPException as error:
            metrics.connection_errors.labels(reason=str(error.code)).inc()
            raise
        except StoreUnavailableError as error:
            metrics.connection_errors.labels(reason=error.code).inc()
            raise
        self._prepare_upgrade()

    def serve(self, ws: WebSocket) -> None:
        """Keep the connection until it ends."""
        connection: Connection = g.connection
        log.info("ws.connected", user_id=g.user_id)
        with metrics.connections.track_inprogress():
            try:
                connection.run(ws, g.snapshot)
            finally:
                self._note_end(g.user_id, connection.finish())

    def release(self, _error: BaseException | None = None) -> None:
        """End the subscription, also of a client who left before he was upgraded."""
        if g.pop("is_subscribed", False):
            self._hub.remove(g.user_id, g.connection)

    def _subscribe(self, identity: Identity) -> None:
        """Subscribe, then read the snapshot, both before the client may see that he is connected.

        So of all that happens after his handshake he hears each transition, not only the last.
        """
        g.user_id = identity.user_id
        g.connection = Connection(expires_at=identity.expires_at, options=self._options)
        g.snapshot = []
        try:
            self._hub.add(identity.user_id, g.connection)
        except TooManyConnectionsError:
            g.connection.close(TOO_MANY_CONNECTIONS, "too many connections")
            return
        g.is_subscribed = True
        since = request.args.get("since")
        events = self._jobs.snapshot(identity.user_id, since if is_object_id(since) else None)
        g.snapshot = [frame_of(event) for event in events]

    def _identify(self) -> Identity:
        ticket = request.args.get("ticket")
        if ticket is None:
            return self._authenticate(["headers", "query_string"])
        identity = self._tickets.redeem(ticket)
        if identity is None:
            raise Unauthorized("The ticket is unknown, used or expired.")
        return identity

    def _prepare_upgrade(self) -> None:
        """Hand flask-sock a safe socket and, of the handshake, only what was checked.

        simple-websocket parses the headers again: a strange Host would be an exception there, and
        an offer of permessage-deflate accepted, so that a bomb is inflated before it is measured.
        """
        sock = request.environ["gunicorn.socket"]
        request.environ = {
            "gunicorn.socket": WholeFrameSocket(sock, self._options.send_deadline_s),
            "HTTP_HOST": "localhost",
            "HTTP_CONNECTION": "Upgrade",
            "HTTP_UPGRADE": "websocket",
            "HTTP_SEC_WEBSOCKET_VERSION": request.headers["Sec-WebSocket-Version"],
            "HTTP_SEC_WEBSOCKET_KEY": request.headers["Sec-WebSocket-Key"],
        }

    def _note_end(self, user_id: str, code: int) -> None:
        log.info("ws.closed", user_id=user_id, code=code)
        if code not in _NORMAL_ENDS:
            metrics.connection_errors.labels(reason=str(code)).inc()


def websocket_blueprint(endpoint: WebSocketEndpoint) -> Blueprint:
    """Return the blueprint of `GET /ws`."""
    blueprint = Blueprint("websocket", __name__)
    blueprint.before_request(endpoint.admit)
    blueprint.teardown_request(endpoint.release)
    blueprint.register_error_handler(OSError, _vanished)
    Sock().route("/ws", bp=blueprint)(endpoint.serve)
    return blueprint


def _vanished(error: OSError) -> tuple[str, int]:
    """Answer, for form's sake, a client who left before he was upgraded."""
    log.debug("ws.handshake_lost", error=repr(error))
    return "", 400
