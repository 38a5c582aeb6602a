"""Uploads at a steady pace through the web processes, by users who behave as people's pages do.

Every user uploads one file, since the service keeps one resume each. Every second one sends an
Idempotency-Key and tries again whatever befell him; the others are the seed's own clients: they try
again only where the answer says that nothing is under way. Threads of the harness do it; each
upload has a connection of its own, so that a cut one is never blamed on an idle keep-alive.
"""

import hashlib
import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

from tests.chaos.history import History, Op, Outcome

#: More than any of the service's own timeouts: an upload that takes longer hangs.
HUNG_AFTER_S = 30.0
_THREADS = 24
_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 1.0, 8.0
#: When a user gives up, counted from the end of everybody's first try.
_GIVES_UP_AFTER_S = 60.0
_UPLOAD = "/api/v1/resumes/upload"
_BOUNDARY = "chaos-0b5c1f"
#: Of the answers from 500 on the only one that says what became of the upload: the job is failed.
PUBLISH_FAILED = "publish_failed"


@dataclass(frozen=True)
class Uploader:
    """One user with one file; `kind` is the first word of its name (see `parser_process`)."""

    user_id: str
    token: str
    file_name: str
    content: bytes
    idempotency_key: str | None

    @property
    def kind(self) -> str:
        """What the parser is to make of the file."""
        return self.file_name.partition("-")[0]

    @cached_property
    def sha256(self) -> str:
        """Of the file as sent."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def _body(self) -> bytes:
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{self.file_name}"\r\n'
            "Content-Type: application/pdf\r\n\r\n"
        )
        return head.encode() + self.content + f"\r\n--{_BOUNDARY}--\r\n".encode()

    def upload(self, port: int) -> Op:
        """Upload the file to the web process on `port`."""
        t0 = time.time()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HUNG_AFTER_S)
        try:
            outcome, code, job_id = self._exchange(connection)
        finally:
            connection.close()
        return Op(self.user_id, self.file_name, t0, time.time(), outcome, code, job_id)

    def _exchange(self, connection: http.client.HTTPConnection) -> tuple[Outcome, str, str]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Connection": "close",
        }
        if self.idempotency_key:
            headers["Idempotency-Key"] = self.idempotency_key
        try:
            connection.connect()
        except OSError as error:
            return Outcome.REFUSED, type(error).__name__, ""
        try:
            connection.request("POST", _UPLOAD, self._body, headers)
            response = connection.getresponse()
            return _understood(response.status, json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome.INFO, type(error).__name__, ""


def _understood(status: int, answer: dict[str, str]) -> tuple[Outcome, str, str]:
    if status == HTTPStatus.ACCEPTED:
        return Outcome.ACCEPTED, "", answer["job_id"]
    code = answer.get("code", str(status))
    is_open = status >= HTTPStatus.INTERNAL_SERVER_ERROR and code != PUBLISH_FAILED
    return (Outcome.INFO if is_open else Outcome.REFUSED), code, ""


class Load:
    """Makes `uploaders` upload, `rate_per_s` of them, to the web processes in turn."""

    def __init__(
        self,
        uploaders: Sequence[Uploader],
        *,
        web_ports: Sequence[int],
        rate_per_s: float,
        history: History,
    ) -> None:
        self._web_ports = web_ports
        self._history = history
        now = time.monotonic()
        self._numbers = itertools.count()
        #: When, a tie-breaker, who, and how many tries he had.
        self._due = [
            (now + n / rate_per_s, next(self._numbers), user, 0) for n, user in enumerate(uploaders)
        ]
        self._last_try_at = now + len(uploaders) / rate_per_s + _GIVES_UP_AFTER_S
        self._running = 0
        self._turn = 0
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"load-{n}", daemon=True)
            for n in range(_THREADS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def is_done(self) -> bool:
        """Tell whether everybody has his answer or gave up."""
        with self._changed:
            return not self._due and not self._running

    def stop(self) -> None:
        """Let nobody try any more, and wait for those who do."""
        with self._changed:
            self._due.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            user, tries, port = taken
            op = user.upload(port)
            self._history.add(op)
            with self._changed:
                self._running -= 1
                if _tries_again(user, op):
                    self._come_back(user, tries)
                self._changed.notify_all()

    def _take(self) -> tuple[Uploader, int, int] | None:
        with self._changed:
            while self._due or self._running:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    _, _, user, tries = heapq.heappop(self._due)
                    self._running += 1
                    self._turn += 1
                    return user, tries, self._web_ports[self._turn % len(self._web_ports)]
                self._changed.wait(wait_s)
            return None

    def _come_back(self, user: Uploader, tries: int) -> None:
        backoff_s = min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2**tries)
        due_at = time.monotonic() + backoff_s
        if due_at < self._last_try_at:
            heapq.heappush(self._due, (due_at, next(self._numbers), user, tries + 1))


def _tries_again(user: Uploader, op: Op) -> bool:
    if op.outcome is Outcome.ACCEPTED:
        return False
    # 409 `idempotency_in_progress` says itself that another try will tell.
    return op.outcome is Outcome.REFUSED or user.idempotency_key is not None
