"""Guards what each failure of the parser means: on a real, misbehaving HTTP server."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resumes.errors import (
    JobFailedError,
    ParserBadAnswerError,
    ParserRejectedError,
    ParserUnavailableError,
)
from tasks.parser_client import MAX_ANSWER_BYTES, ParserClient
from tests.eventually import eventually
from tests.services.parser_double import CV_DATA, ParserDouble, Request, completes, running_parser

Behaviour = Callable[[Request, int], None]

_NESTED = b"[" * 101 + b"]" * 101


@pytest.fixture
def double() -> Iterator[ParserDouble]:
    with running_parser() as double:
        yield double


@pytest.fixture
def client(double: ParserDouble) -> ParserClient:
    return ParserClient(double.url, connect_timeout_s=30, timeout_s=30)


@pytest.fixture
def impatient_client(double: ParserDouble) -> ParserClient:
    return ParserClient(double.url, connect_timeout_s=30, timeout_s=0.5)


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine the tries alone may take as long as all pauses together may."""
    monkeypatch.setattr("tasks.parser_client._MAX_PAUSES_S", 90)


def answers(status: int, body: object = None, **headers: str) -> Behaviour:
    return lambda request, _: request.json(status, body, **headers)


def sends(body: bytes) -> Behaviour:
    return lambda request, _: request.send(200, body, "application/json")


def stalls(request: Request, _number: int) -> None:
    threading.Event().wait(2)
    request.reset()


def cuts_the_answer(request: Request, _number: int) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    request.wfile.write(b'{"success": true')
    request.reset()


def drips(request: Request, _number: int) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    for _ in range(40):
        request.wfile.write(b" ")
        request.wfile.flush()
        threading.Event().wait(0.1)


def test_the_file_goes_out_as_multipart_and_cv_data_comes_back(
    client: ParserClient, double: ParserDouble
) -> None:
    assert client.parse("Nguyễn.pdf", b"%PDF-1.7 bytes") == CV_DATA
    assert b'name="file"' in double.bodies[0]
    assert b"%PDF-1.7 bytes" in double.bodies[0]


@pytest.mark.parametrize(
    "behave",
    [
        answers(500),
        answers(502),
        answers(503),
        answers(429),
        lambda request, _: request.reset(),
        cuts_the_answer,
    ],
)
@pytest.mark.usefixtures("_unhurried")
def test_a_transient_failure_is_tried_again_and_then_given_up(
    behave: Behaviour, client: ParserClient, double: ParserDouble
) -> None:
    double.behave = behave
    with pytest.raises(ParserUnavailableError):
        client.parse("resume.pdf", b"%PDF-")
    assert double.calls == 3


@pytest.mark.parametrize("behave", [stalls, drips])
@pytest.mark.usefixtures("_unhurried")
def test_an_answer_that_takes_too_long_is_a_transient_failure(
    behave: Behaviour, impatient_client: ParserClient, double: ParserDouble
) -> None:
    double.behave = behave
    with pytest.raises(ParserUnavailableError):
        impatient_client.parse("resume.pdf", b"%PDF-")
    eventually(lambda: double.calls == 3, why="the last one was given up, maybe before it was read")


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.usefixtures("_unhurried")
def test_a_blip_is_survived(failures: int, client: ParserClient, double: ParserDouble) -> None:
    double.behave = lambda request, number: (
        request.json(503, {}) if number <= failures else completes(request, number)
    )
    assert client.parse("resume.pdf", b"%PDF-") == CV_DATA
    assert double.calls == failures + 1


def test_retry_after_is_obeyed_and_too_long_a_wish_ends_the_tries(
    client: ParserClient, double: ParserDouble
) -> None:
    double.behave = answers(429, Retry_After="60")
    with pytest.raises(ParserUnavailableError):
        client.parse("resume.pdf", b"%PDF-")
    assert double.calls == 1


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (answers(400, {"success": False, "message": "no"}), ParserRejectedError),
        (answers(422, {"success": False, "message": "encrypted"}), ParserRejectedError),
        (answers(404), ParserRejectedError),
        (answers(200, {"success": False, "message": "no"}), ParserRejectedError),
        (answers(302, {}, Location="http://127.0.0.1:1/"), ParserBadAnswerError),
        (answers(200, {"success": True}), ParserBadAnswerError),
        (answers(200, {"success": True, "cv_data": []}), ParserBadAnswerError),
        (answers(200, {"success": "yes", "cv_data": {}}), ParserBadAnswerError),
        (answers(200, {"cv_data": {}}), ParserBadAnswerError),
        (answers(201, {"success": True, "cv_data": {}}), ParserBadAnswerError),
        (answers(200, ["success"]), ParserBadAnswerError),
        (sends(b"<html>ok</html>"), ParserBadAnswerError),
        (sends(b""), ParserBadAnswerError),
        (sends(b'{"success": true, "cv_data": {"name": "A'), ParserBadAnswerError),
        (sends(b'{"success": true, "cv_data": {"x": NaN}}'), ParserBadAnswerError),
        (sends(b'{"success": true, "cv_data": {"x": ' + b"[" * 100_000), ParserBadAnswerError),
        (sends(b'{"success": true, "cv_data": {"x": %s}}' % _NESTED), ParserBadAnswerError),
        (sends(b'{"success": true, "cv_data": {"n": "\xff"}}'), ParserBadAnswerError),
        (sends(b" " * (MAX_ANSWER_BYTES + 1)), ParserBadAnswerError),
    ],
)
def test_a_permanent_failure_is_not_tried_again(
    behave: Behaviour, error: type[JobFailedError], client: ParserClient, double: ParserDouble
) -> None:
    double.behave = behave
    with pytest.raises(error):
        client.parse("resume.pdf", b"%PDF-")
    assert double.calls == 1


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("The PDF is encrypted. Remove its password.", True),
        ("Traceback (most recent call last): ...", False),
        ("see http://10.0.0.7:8080/internal", False),
        ("two\nlines", False),
        ("x" * 301, False),
        ({"not": "text"}, False),
        (None, False),
    ],
)
def test_the_parsers_message_is_shown_if_a_person_may_see_it(
    message: Any,
    shown: bool,
    client: ParserClient,
    double: ParserDouble,
) -> None:
    double.behave = answers(422, {"success": False, "message": message})
    with pytest.raises(ParserRejectedError) as refused:
        client.parse("resume.pdf", b"%PDF-")
    assert str(refused.value) == (message if shown else ParserRejectedError.advice)


def test_what_utf8_cannot_hold_is_replaced(client: ParserClient, double: ParserDouble) -> None:
    double.behave = sends(b'{"success": true, "cv_data": {"name": "A\\ud800"}}')
    assert client.parse("resume.pdf", b"%PDF-") == {"name": "A\ufffd"}


def test_nobody_listening_is_transient() -> None:
    client = ParserClient("http://127.0.0.1:1", connect_timeout_s=1, timeout_s=1)
    with pytest.raises(ParserUnavailableError):
        client.parse("resume.pdf", b"%PDF-")
