"""A user takes an upload back: over HTTP, before a worker has it and beside one."""

import math
from datetime import UTC, datetime, timedelta

import pytest
import requests
from bson import ObjectId

from tests.eventually import eventually
from tests.services.client import JOB_STATUS, ServiceClient, TestUser
from tests.services.parser_double import ParserDouble, Request
from tests.services.stack import ServiceStack
from tests.services.topics import TopicReader


def cancel(client: ServiceClient, user: TestUser, job_id: str) -> requests.Response:
    return requests.delete(
        f"{client.url}/api/v1/resumes/jobs/{job_id}", headers=user.headers, timeout=10
    )


def test_a_waiting_upload_is_cancelled_told_of_and_out_of_the_way(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    with quiet.socket(user) as frames:
        job_id = quiet.accepted(user)
        answer = cancel(quiet, user, job_id)
        payloads = frames.until_ended(job_id)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["error_code"]) == ("failed", "cancelled")
    assert payloads[-1]["error_message"] == body["error_message"] != ""
    assert quiet.database["resume_files"].find_one({"_id": ObjectId(job_id)}) is None
    assert cancel(quiet, user, job_id).json() == body
    assert quiet.accepted(user) != job_id


def test_a_cancelled_upload_counts_for_the_day(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    for _ in range(2):  # as many as this stack allows
        cancel(quiet, user, quiet.accepted(user))

    assert quiet.upload(user).json()["code"] == "rate_limited"


@pytest.mark.parametrize("job_id", ["x", "6" * 25, "%00", "6" * 24])
def test_what_is_no_job_of_his_is_not_found(quiet: ServiceClient, job_id: str) -> None:
    owner, other = quiet.new_user(), quiet.new_user()
    foreign = cancel(quiet, other, quiet.accepted(owner))
    missing = cancel(quiet, other, job_id)

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"] == "not_found"


def test_who_does_not_say_who_he_is_cancels_nothing(quiet: ServiceClient) -> None:
    job_id = quiet.accepted(user := quiet.new_user())
    answer = requests.delete(f"{quiet.url}/api/v1/resumes/jobs/{job_id}", timeout=10)

    assert answer.status_code == 401
    assert quiet.status(user, job_id)["status"] == "pending"


def test_what_has_ended_can_not_be_cancelled(client: ServiceClient) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user))
    answer = cancel(client, user, job_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")


def test_a_running_job_goes_on_and_a_retrying_one_ends_with_its_record_done(
    doubled: ServiceClient,
    double: ParserDouble,
    double_dead_letters: TopicReader,
    double_stack: ServiceStack,
) -> None:
    answers: list[requests.Response] = []
    user = doubled.new_user()

    def cancelled_meanwhile(request: Request, _number: int) -> None:
        job = doubled.database["resume_parse_jobs"].find_one({"user_id": ObjectId(user.id)})
        answers.append(cancel(doubled, user, str((job or {})["_id"])))
        request.json(503, {}, Retry_After="4")

    double.behave = cancelled_meanwhile
    job_id = doubled.accepted(user)
    eventually(lambda: doubled.status(user, job_id)["next_retry_at"], within_s=20)
    assert {answer.json()["code"] for answer in answers} == {"job_processing"}
    assert {answer.status_code for answer in answers} == {409}

    # The next attempt may have begun by now: cancelled is the job that waits for another.
    eventually(lambda: cancel(doubled, user, job_id).status_code == 200, within_s=20)
    calls = double.calls
    log = double_stack.folder / "worker.1.log"
    eventually(
        lambda: any(
            job_id in line and "job.skipped" in line
            for line in log.read_text(encoding="utf-8").splitlines()
        ),
        within_s=30,
        why="the record of the cancelled job came, and had nothing to do",
    )
    assert doubled.status(user, job_id)["error_code"] == "cancelled"
    assert double.calls == calls
    assert job_id.encode() not in {record.key for record in double_dead_letters.records()}


def test_the_place_in_the_queue_moves_when_one_before_is_gone(quiet: ServiceClient) -> None:
    first, second = quiet.new_user(), quiet.new_user()
    first_id, second_id = quiet.accepted(first), quiet.accepted(second)
    path = f"{JOB_STATUS}?job_id={second_id}"
    before = quiet.get(path, second)
    cancel(quiet, first, first_id)
    after = quiet.get(path, second, If_None_Match=before.headers["ETag"])

    # Nobody works in this stack, so there is a place and no estimate.
    assert before.json()["position"] == after.json()["position"] + 1
    assert after.json()["estimate_s"] is None
    assert quiet.get(path, second, If_None_Match=after.headers["ETag"]).status_code == 304
    assert quiet.status(first, first_id)["position"] is None


def test_an_estimate_comes_from_what_ended_in_the_last_minutes(quiet: ServiceClient) -> None:
    quiet.accepted(quiet.new_user())
    user = quiet.new_user()
    job_id = quiet.accepted(user)
    this_minute = datetime.now(UTC).replace(second=0, microsecond=0)
    minutes = [this_minute + timedelta(minutes=number) for number in range(-8, 3)]
    kept = quiet.database["job_minutes"]
    for minute in minutes:
        kept.update_one({"_id": minute}, {"$set": {"completed": 7}}, upsert=True)
    try:
        place = quiet.status(user, job_id)
    finally:
        kept.update_many({"_id": {"$in": minutes}}, {"$unset": {"completed": ""}})

    assert place["position"] >= 1
    assert place["estimate_s"] == math.ceil(60 * place["position"] / 7)
