"""CONTRACT part 5, the table of failures: each row with a parser that misbehaves."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.parser_double import CV_DATA, ParserDouble, Request, completes
from tests.services.topics import TopicReader

Behaviour = Callable[[Request, int], None]


def answers(status: int, body: object = None, **headers: str) -> Behaviour:
    return lambda request, _: request.json(status, body, **headers)


@pytest.mark.parametrize(
    "behave",
    [answers(500), answers(503), answers(429), lambda request, _: request.reset()],
    ids=["500", "503", "429", "reset"],
)
def test_a_transient_failure_that_lasts_ends_failed_with_one_dead_letter(
    doubled: ServiceClient,
    double: ParserDouble,
    double_dead_letters: TopicReader,
    behave: Behaviour,
) -> None:
    double.behave = behave
    user = doubled.new_user()
    with doubled.socket(user) as frames:
        job_id = doubled.accepted(user)
        payloads = frames.until_ended(job_id)
    # Each attempt is seen to begin and to end; the last error is told while the job waits.
    attempts = ["processing", "pending"] * 2 + ["processing", "failed"]
    assert [payload["status"] for payload in payloads] == ["pending", *attempts]
    assert all(payload["error_message"] for payload in payloads[2::2])
    ended = doubled.status(user, job_id)
    assert (ended["status"], ended["error_code"]) == ("failed", "parser_unavailable")
    assert (ended["attempt"], ended["next_retry_at"]) == (3, None)
    assert payloads[-1]["error_message"] == ended["error_message"] != ""
    # An attempt that is short of time makes fewer tries.
    assert 3 < double.calls <= 3 * 3, "three attempts of three tries, and no policy beside them"
    letter = double_dead_letters.find(key=job_id.encode())
    assert b"ParserUnavailableError" in dict(letter.headers)["kafka_dlt-exception-fqcn"]


def test_an_outage_that_ends_is_survived_and_shown_meanwhile(
    doubled: ServiceClient, double: ParserDouble
) -> None:
    double.behave = lambda request, number: (
        request.json(503, {}) if number <= 6 else completes(request, number)
    )
    user = doubled.new_user()
    with doubled.socket(user) as frames:
        payloads = frames.until_ended(doubled.accepted(user))
    assert [payload["status"] for payload in payloads][-3:] == [
        "pending",
        "processing",
        "completed",
    ]
    assert (payloads[-2]["error_message"], payloads[-1]["cv_data"]) == ("", CV_DATA)
    assert double.calls == 7


def test_retry_after_is_obeyed_between_attempts(
    doubled: ServiceClient, double: ParserDouble
) -> None:
    called_at: list[float] = []

    def asks_for_a_pause(request: Request, number: int) -> None:
        called_at.append(time.monotonic())
        if number == 1:
            # Longer than a try waits for in its thread; our own pause would be a tenth of a second.
            request.json(429, {}, Retry_After="4")
        else:
            completes(request, number)

    double.behave = asks_for_a_pause
    user = doubled.new_user()
    job_id = doubled.accepted(user)
    assert doubled.ended(user, job_id)["status"] == "completed"
    first, second = called_at
    assert second - first >= 4
    # From the history: the job itself may have gone on before anybody looks.
    wait = {"job_id": ObjectId(job_id), "retry_at": {"$exists": True}}
    event = doubled.database["job_events"].find_one(wait)
    assert event
    assert (event["retry_at"] - event["at"]).total_seconds() <= 4.8


def test_a_blip_of_the_parser_is_not_noticed(doubled: ServiceClient, double: ParserDouble) -> None:
    double.behave = lambda request, number: (
        request.json(503, {}) if number < 3 else completes(request, number)
    )
    user = doubled.new_user()
    ended = doubled.ended(user, doubled.accepted(user))
    assert (ended["status"], ended["cv_data"]) == ("completed", CV_DATA)
    assert double.calls == 3


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (answers(422, {"success": False, "message": "The PDF is encrypted."}), "parser_rejected"),
        (answers(200, {"success": False, "message": "The PDF is encrypted."}), "parser_rejected"),
        (answers(404, {}), "parser_rejected"),
        (answers(200, {"success": True, "cv_data": "text"}), "parser_bad_answer"),
        (answers(200, ["x"]), "parser_bad_answer"),
        (answers(302, {}, Location="http://127.0.0.1:1/"), "parser_bad_answer"),
    ],
)
def test_a_permanent_failure_ends_failed_at_once(
    doubled: ServiceClient,
    double: ParserDouble,
    double_dead_letters: TopicReader,
    behave: Behaviour,
    code: str,
) -> None:
    double.behave = behave
    user = doubled.new_user()
    ended = doubled.ended(user, job_id := doubled.accepted(user))
    assert (ended["status"], ended["error_code"]) == ("failed", code)
    assert double.calls == 1
    double_dead_letters.find(key=job_id.encode())


def test_the_message_for_people_holds_no_internals(
    doubled: ServiceClient, double: ParserDouble
) -> None:
    double.behave = answers(422, {"message": "Traceback: http://10.0.0.1/secret\n  File x.py"})
    user = doubled.new_user()
    message = doubled.ended(user, doubled.accepted(user))["error_message"]
    assert "10.0.0.1" not in message
    assert "Traceback" not in message
    assert message


def test_odd_but_valid_answers_are_kept_as_they_are(
    doubled: ServiceClient, double: ParserDouble
) -> None:
    odd = {"$set": {"a.b": 2**70}, "name": ["no", "text"], "skills": "none", "education": [1, None]}
    double.behave = answers(200, {"success": True, "cv_data": odd})
    user = doubled.new_user()
    ended = doubled.ended(user, doubled.accepted(user))
    assert (ended["status"], ended["cv_data"]) == ("completed", odd)
    [resume] = doubled.resumes_of(user)
    detail = resume["resume_detail"]
    assert (detail["name"], detail["skill"], detail["education"]["degree"]) == ("", [], "")


def test_a_job_of_a_user_who_was_deleted_fails(
    doubled: ServiceClient, double: ParserDouble
) -> None:
    user = doubled.new_user()

    def delete_user(request: Request, number: int) -> None:
        doubled.database["user"].delete_many({"email": "leaving@example.test"})
        completes(request, number)

    doubled.database["user"].update_many({}, {"$set": {"email": "leaving@example.test"}})
    double.behave = delete_user
    job_id = doubled.accepted(user)
    job = _job_once_ended(doubled, job_id)
    assert (job["status"], job["error_code"]) == ("failed", "user_unknown")


def _job_once_ended(client: ServiceClient, job_id: str) -> dict[str, Any]:
    query = {"_id": ObjectId(job_id), "status": {"$in": ["completed", "failed"]}}
    jobs = client.database["resume_parse_jobs"]
    return eventually(lambda: jobs.find_one(query), within_s=20) or {}
