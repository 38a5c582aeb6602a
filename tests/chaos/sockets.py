"""The users who watch: each holds a WebSocket, comes back when it is cut, and notes each frame.

As the upload page does, but for its polling, which would hide what a socket misses. One thread per
user. `look_again` is the last act: everyone connects anew and notes what he is told then.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import websocket

from tests.chaos.history import Frame, History
from tests.chaos.load import Uploader

_CONNECT_TIMEOUT_S = 5
_LOOK_EVERY_S = 1.0
_BACK_AFTER_S = 0.5
#: How long the first frame of a new connection may take when nothing is wrong any more.
_SNAPSHOT_WITHIN_S = 10
_LOOKERS = 16
_LOST = (websocket.WebSocketException, OSError)


class Watchers:
    """The WebSockets of `users`, spread over the web processes."""

    def __init__(self, users: Iterable[Uploader], urls: list[str], history: History) -> None:
        self._watchers = [
            _Watcher(user, f"{urls[n % len(urls)].replace('http', 'ws', 1)}/ws", history)
            for n, user in enumerate(users)
        ]

    @property
    def user_ids(self) -> frozenset[str]:
        """Who watches."""
        return frozenset(watcher.user.user_id for watcher in self._watchers)

    @property
    def reconnects(self) -> int:
        """How often a connection was lost and made again."""
        return sum(max(0, watcher.connections - 1) for watcher in self._watchers)

    def start(self) -> None:
        """Connect everyone."""
        for watcher in self._watchers:
            watcher.start()

    def is_connected(self) -> bool:
        """Tell whether everyone has a connection now."""
        return all(watcher.is_connected for watcher in self._watchers)

    def unheard(self, statuses: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Return the jobs whose watcher was last told another status than `statuses` has.

        `statuses`: by user and job.
        """
        return [
            job_id
            for watcher in self._watchers
            for job_id, status in statuses.get(watcher.user.user_id, {}).items()
            if watcher.told.get(job_id) != status
        ]

    def stop(self) -> None:
        """Close every connection."""
        for watcher in self._watchers:
            watcher.stopping.set()
        for watcher in self._watchers:
            watcher.join()

    def look_again(self, jobs: Mapping[str, int]) -> None:
        """Connect everyone who has `jobs` once more and note what he is told of each."""
        looking = [watcher for watcher in self._watchers if watcher.user.user_id in jobs]
        with ThreadPoolExecutor(_LOOKERS) as pool:
            list(pool.map(lambda watcher: watcher.look_again(jobs[watcher.user.user_id]), looking))


class _Watcher(threading.Thread):
    def __init__(self, user: Uploader, address: str, history: History) -> None:
        super().__init__(name=f"watch-{user.file_name}", daemon=True)
        self.user = user
        self.stopping = threading.Event()
        self.is_connected = False
        self.connections = 0
        self.told: dict[str, str] = {}
        self._address = address
        self._history = history

    def run(self) -> None:
        while not self.stopping.is_set():
            with suppress(*_LOST):
                self._follow()
            self.is_connected = False
            self.stopping.wait(_BACK_AFTER_S)

    def look_again(self, frames: int) -> None:
        with suppress(*_LOST), closing(self._connect()) as connection:
            connection.settimeout(_SNAPSHOT_WITHIN_S)
            for _ in range(frames):
                self._note(connection.recv(), is_last_look=True)

    def _follow(self) -> None:
        connection = self._connect()
        try:
            self.connections += 1
            self.is_connected = True
            connection.settimeout(_LOOK_EVERY_S)
            while not self.stopping.is_set():
                with suppress(websocket.WebSocketTimeoutException):
                    self._note(connection.recv())
        finally:
            # `close` alone leaves the socket open when the server closed first.
            connection.shutdown()  # type: ignore[no-untyped-call]

    def _connect(self) -> websocket.WebSocket:
        return websocket.create_connection(
            f"{self._address}?token={self.user.token}", timeout=_CONNECT_TIMEOUT_S
        )

    def _note(self, text: str | bytes, *, is_last_look: bool = False) -> None:
        if not text:
            return
        payload = json.loads(text)["payload"]
        frame = Frame(
            self.user.user_id, time.time(), payload["job_id"], payload["status"], is_last_look
        )
        self._history.frames.append(frame)
        self.told[frame.job_id] = frame.status
