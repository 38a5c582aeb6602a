"""As the product's own: the stream starts after the fork, SIGTERM closes the sockets with 1012."""

import signal
from types import FrameType
from typing import Any

worker_class = "gevent"
control_socket_disable = True
graceful_timeout = 60
worker_connections = 6_000  # beyond Options.max_connections, so that HTTP always has room


def post_worker_init(worker: Any) -> None:
    side = worker.wsgi.extensions["realtime"]
    side.start()
    stop: Any = signal.getsignal(signal.SIGTERM)

    def close_sockets_then_stop(signum: int, frame: FrameType | None) -> None:
        side.close_all(1012, "server restarting")
        stop(signum, frame)

    signal.signal(signal.SIGTERM, close_sockets_then_stop)
