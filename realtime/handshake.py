"""What flask-sock does not check of a handshake: key, version and Origin. Pure.

Everything here is refused by HTTP, before the upgrade.
"""

import base64
import binascii
from collections.abc import Collection

from flask import Request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

_KEY_BYTES = 16
_VERSION = "13"


class UpgradeRequiredError(HTTPException):
    """426: another version of the protocol than ours; the header says which is."""

    code = 426
    description = f"Only version {_VERSION} of the WebSocket protocol is spoken here."

    def get_headers(self, *args: object) -> list[tuple[str, str]]:
        """Add what the client needs to try again."""
        return [*super().get_headers(*args), ("Sec-WebSocket-Version", _VERSION)]  # type: ignore[arg-type]


def check_protocol(request: Request) -> None:
    """Refuse a handshake that RFC 6455, 4.2.1 calls malformed; Flask has checked the upgrade."""
    if request.method != "GET" or request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise BadRequest("A WebSocket begins with a GET of HTTP/1.1.")
    if request.headers.get("Sec-WebSocket-Version") != _VERSION:
        raise UpgradeRequiredError
    if not _is_key(request.headers.get("Sec-WebSocket-Key", "")):
        raise BadRequest("Sec-WebSocket-Key must be 16 bytes in base64.")


def check_origin(request: Request, allowed_origins: Collection[str]) -> None:
    """Refuse a page of another site; programs send no Origin and are not asked for one."""
    origin = request.headers.get("Origin")
    # Both schemes: behind a proxy that ends TLS, the one we see is not the browser's.
    own = (f"http://{request.host}", f"https://{request.host}")
    if origin is not None and origin not in own and origin not in allowed_origins:
        raise Forbidden("This Origin may not open a WebSocket here.")


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
