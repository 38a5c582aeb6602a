"""HTTP client of the parser service: one call, its in-process tries, and what each failure means.

Called by worker threads. Promises: ends within `max_tries` x `timeout_s` plus the pauses; holds at
most `MAX_ANSWER_BYTES` of an answer; follows no redirect and no proxy. Retries here are for blips
of seconds; whatever lasts longer is waited out on Kafka (`resumes/backoff.py`).
"""

import json
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import requests
import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)
from urllib3.exceptions import HTTPError

from resumes.cv import storable
from resumes.errors import ParserBadAnswerError, ParserRejectedError, ParserUnavailableError
from tasks.circuit_breaker import ClosedOffError, ParserBreaker
from tasks.deadlines import Deadline, DeadlineAdapter
from tasks.metrics import PARSER_CALLS, PARSER_SECONDS

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES = 1024 * 1024
_MAX_TRIES = 3
#: Longer pauses hold a worker thread that could do something else.
_MAX_PAUSES_S = 3
_READ_BYTES = 64 * 1024
_MAX_SHOWN_MESSAGE = 300


class _TransientError(Exception):
    """Another try may help; `retry_after_s` is the service's own wish."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.is_of_probe = False


@dataclass(frozen=True)
class _Answer:
    status: int
    retry_after: str
    body: bytes


class ParserClient:
    """`POST {url}/parse/pdf`; one per process, safe for concurrent calls.

    Each try is made inside `calling`, a circuit breaker's context: it yields whether the call is a
    probe, or raises ClosedOffError.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout_s: float,
        timeout_s: float,
        calling: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(False),
    ) -> None:
        self._calling = calling
        self._url = f"{url.rstrip('/')}/parse/pdf"
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._local = threading.local()

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        """Return `cv_data`.

        Raises ParserUnavailableError after the last try or when the breaker is open,
        ParserRejectedError or ParserBadAnswerError at once.
        """
        tries = Retrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(_MAX_TRIES) | stop_before_delay(_MAX_PAUSES_S),
            wait=_pause_s,
            reraise=True,
        )
        try:
            return tries(self._try_once, file_name, data)
        except ClosedOffError as error:
            raise ParserUnavailableError(counts=False) from error
        except _TransientError as error:
            log.warning("parser.unavailable", reason=str(error))
            raise ParserUnavailableError(
                retry_after_s=error.retry_after_s, counts=not error.is_of_probe
            ) from error

    def _try_once(self, file_name: str, data: bytes) -> dict[str, Any]:
        with self._calling() as is_probe, PARSER_SECONDS.time():
            try:
                answer = self._post(file_name, data)
                cv_data = _cv_data(answer)
            except (_TransientError, ParserRejectedError, ParserBadAnswerError) as error:
                PARSER_CALLS.labels(type(error).__name__.strip("_")).inc()
                if isinstance(error, _TransientError):
                    error.is_of_probe = is_probe
                raise
        PARSER_CALLS.labels("ok").inc()
        return cv_data

    def _post(self, file_name: str, data: bytes) -> _Answer:
        try:
            with (
                Deadline(self._timeout_s) as deadline,
                self._session().post(
                    self._url,
                    files={"file": (file_name, data, "application/pdf")},
                    timeout=(self._connect_timeout_s, self._timeout_s),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return _Answer(
                    response.status_code,
                    response.headers.get("Retry-After", ""),
                    _read_body(response, deadline),
                )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _TransientError(type(error).__name__) from error

    def _session(self) -> requests.Session:
        # A session is not safe across threads; each keeps one connection alive.
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.mount("http://", DeadlineAdapter())
            session.mount("https://", DeadlineAdapter())
            session.headers["Accept-Encoding"] = "identity"
            self._local.session = session
        return session


class GuardedParser:
    """The core's Parser: the client, each of its calls inside the circuit breaker."""

    def __init__(
        self, url: str, breaker: ParserBreaker, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._breaker = breaker
        self._client = ParserClient(
            url,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            calling=breaker.calling,
        )

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        """Return `cv_data`; raise a JobFailedError, of which ParserUnavailableError may pass."""
        return self._client.parse(file_name, data)

    def closed_for_s(self) -> float:
        """Return for how long no call should be made; 0 when one may be tried."""
        return self._breaker.closed_for_s()


def _read_body(response: requests.Response, deadline: Deadline) -> bytes:
    """Return the body, bounded in bytes and by the deadline."""
    body = bytearray()
    while chunk := response.raw.read1(_READ_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ParserBadAnswerError
    if deadline.has_passed:  # a body without a length ends like any other
        raise _TransientError("answer not complete in time")
    return bytes(body)


def _cv_data(answer: _Answer) -> dict[str, Any]:
    if answer.status == requests.codes.too_many_requests or answer.status >= 500:  # noqa: PLR2004
        raise _TransientError(f"HTTP {answer.status}", _seconds(answer.retry_after))
    document = _json_object(answer.body)
    if answer.status >= 400 or (document or {}).get("success") is False:  # noqa: PLR2004
        raise ParserRejectedError(_showable((document or {}).get("message")))
    cv_data = (document or {}).get("cv_data")
    if answer.status != requests.codes.ok or not document or document.get("success") is not True:
        raise ParserBadAnswerError
    if not isinstance(cv_data, dict):
        raise ParserBadAnswerError
    return cv_data


def _json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object, None for anything else (NaN and the like are no JSON)."""
    try:
        document = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
        return storable(document) if isinstance(document, dict) else None
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is no number here: it could not be written as JSON again")
    return number


def _showable(message: object) -> str:
    """Return the service's message if a person may see it, else ""."""
    if not isinstance(message, str) or len(message) > _MAX_SHOWN_MESSAGE:
        return ""
    internals = "://" in message or "Traceback" in message or not message.isprintable()
    return "" if internals else message


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isdecimal() else None


_backoff = wait_exponential_jitter(multiplier=0.2, max=1, jitter=0.2)


def _pause_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    wished = getattr(error, "retry_after_s", None)
    return wished if wished is not None else _backoff(state)
