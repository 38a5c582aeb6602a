"""An application in this process, served to a browser while it is looked at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server

from devstack import ports


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Yield the address without a slash at its end."""
    server = make_server(ports.LOOPBACK, 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{ports.LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
