"""A web process under test, its clients, and the events it is to deliver."""

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
import websocket
from bson import ObjectId
from pymongo.database import Database
from websocket import ABNF

from tests.eventually import eventually

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 20
#: The end of the transport without a close frame.
CUT = 0


def token(user_id: str, lives_s: float = 3_600) -> str:
    return f"{user_id}.{time.time() + lives_s}"


@dataclass
class Client:
    """One WebSocket."""

    ws: websocket.WebSocket

    def payload(self) -> dict[str, Any]:
        message = json.loads(self.ws.recv())
        assert message["type"] == "job_status"
        payload: dict[str, Any] = message["payload"]
        return payload

    def statuses(self, count: int) -> list[str]:
        return [self.payload()["status"] for _ in range(count)]

    def payloads_until_close(self) -> tuple[list[dict[str, Any]], int]:
        """Return what still comes, and the close code."""
        payloads: list[dict[str, Any]] = []
        while True:
            try:
                opcode, data = self.ws.recv_data()
            except (websocket.WebSocketConnectionClosedException, ConnectionError):
                return payloads, CUT
            if opcode == ABNF.OPCODE_CLOSE:
                return payloads, struct.unpack("!H", data[:2])[0]
            payloads.append(json.loads(data)["payload"])

    def close_code(self) -> int:
        return self.payloads_until_close()[1]


@dataclass
class WebProcess:
    """One gunicorn with one gevent worker."""

    uri: str
    database: str
    log_path: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0
    #: As mongod knows this process, and no other.
    app_name: str = field(default_factory=lambda: f"ws-app-{uuid4().hex}")
    process: subprocess.Popen[bytes] = field(init=False)
    _sockets: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log_path.open("wb") as log:
            self.port = listener.getsockname()[1]
            command = [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"),
                *("--config", str(Path(__file__).with_name("gunicorn_conf.py"))),
                "tests.integration.realtime.ws_app:create_app()",
            ]
            environment = {
                "TEST_URI": self.uri,
                "TEST_DATABASE": self.database,
                "TEST_APP_NAME": self.app_name,
                "TEST_OPTIONS": json.dumps(dict(self.options)),
            }
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually(self.is_healthy, within_s=60, why=f"{self.log_path} tells more")

    def hang_up(self) -> None:
        """End every client's socket."""
        self._sockets.close()

    def stop(self) -> None:
        self.hang_up()
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT_S)

    def is_healthy(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            return bool(self.state()["healthy"])
        except requests.RequestException:
            return False

    def state(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(self.url("/state"), timeout=TIMEOUT_S).json()
        return answer

    def has_connections(self, count: int) -> bool:
        return bool(self.state()["connections"] == count)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def connect(self, user_id: str, query: str = "", **options: Any) -> Client:
        """Return a client that is subscribed and whose snapshot has been read."""
        before = self._snapshots(user_id)
        client = self.open(f"/ws?token={token(user_id)}{query}", **options)
        eventually(lambda: self._snapshots(user_id) > before)
        return client

    def _snapshots(self, user_id: str) -> int:
        return int(self.state()["snapshots"].get(user_id, 0))

    def open(self, path: str, **options: Any) -> Client:
        url = self.url(path, "ws")
        ws = websocket.create_connection(url, timeout=TIMEOUT_S, **options)
        self._sockets.callback(ws.shutdown)
        return Client(ws)

    def raw(self, path: str, **headers: str) -> socket.socket:
        """Return a bare socket that has sent its handshake."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        self._sockets.callback(sock.close)
        sock.sendall(handshake(path, **headers))
        return sock

    def refusal(self, path: str, **headers: str) -> requests.Response:
        """Return the answer to a handshake that is no upgrade."""
        merged = {**_HANDSHAKE, **{name.replace("_", "-"): text for name, text in headers.items()}}
        present = {name: text for name, text in merged.items() if text}
        return requests.get(self.url(path), headers=present, timeout=TIMEOUT_S)


_HANDSHAKE = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def handshake(path: str, **headers: str) -> bytes:
    merged = {**_HANDSHAKE, **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in merged.items() if text)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass
class Story:
    """One job of one user; each `tell` is the next event of it."""

    database: Database[dict[str, Any]]
    user_id: str
    job_id: ObjectId = field(default_factory=ObjectId)
    rev: int = 0

    def tell(self, status: str, *, rev: int | None = None, **members: Any) -> str:
        """Append the event and return its id."""
        self.rev = rev or self.rev + 1
        document = {
            "job_id": self.job_id,
            "user_id": ObjectId(self.user_id),
            "to": status,
            "rev": self.rev,
            "at": datetime.now(UTC),
            **members,
        }
        return str(self.database.job_events.insert_one(document).inserted_id)
