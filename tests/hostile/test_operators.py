"""Queries in place of values: whatever is no plain id or text is refused, or kept as text."""

import json
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from bson import ObjectId

from tests.hostile.forms import CONTENT_TYPE, file_part, form
from tests.hostile.target import Target, is_problem
from tests.hostile.wire import HANDSHAKE, Answer, request
from tests.services.client import JOB_STATUS, UPLOAD, TestUser, random_id

#: What stands for every job, user or ticket where a value goes into a query as it is.
OPERATORS = [
    '{"$ne": null}',
    '{"$gt": ""}',
    '{"$regex": ".*"}',
    '{"$where": "sleep(5000)"}',
    '{"$in": []}',
    '["$ne", null]',
    "$ne",
    "[$ne]=1",
    '{"$oid": "666666666666666666666666"}',
    "ObjectId('666666666666666666666666')",
    "' || '1'=='1",
    "1; return true",
    "null",
    "true",
    "0",
    "-1",
    "twelve bytes",
    "*",
    "%00",
    "\0",
    "6" * 23,
    "6" * 23 + "\0",
    "6" * 24 + "\n",
    " " + "6" * 24,
    "6" * 48,
    "F" * 24,
    "\u0666" * 24,
    "x" * 3_000,
]


def ask(target: Target, user: TestUser, path: str) -> Answer:
    return target.ask(request("GET", path, f"Authorization: Bearer {user.token}"))


@pytest.fixture
def owner(target: Target) -> TestUser:
    """Someone whose job a query that matches everything would find."""
    user = target.new_user()
    target.accepted(user)
    return user


@pytest.mark.parametrize("value", OPERATORS)
def test_a_job_is_found_by_its_id_alone(target: Target, owner: TestUser, value: str) -> None:
    assert is_problem(ask(target, owner, f"{JOB_STATUS}?job_id={quote(value)}"), 400, "bad_request")


@pytest.mark.parametrize("value", OPERATORS)
def test_a_resume_is_found_by_its_id_alone(target: Target, value: str) -> None:
    user = target.new_user(resume=[{"_id": ObjectId(), "resume_detail": {}}])
    answer = ask(target, user, f"/api/v1/resumes/{quote(value, safe='')}")
    assert is_problem(answer, 404, "not_found")


@pytest.mark.parametrize("value", OPERATORS)
def test_a_ticket_is_found_by_itself_alone(target: Target, owner: TestUser, value: str) -> None:
    target.ask(
        request("POST", "/api/v1/ws-ticket", f"Authorization: Bearer {owner.token}", body=b"")
    )
    answer = target.ask(request("GET", f"/ws?ticket={quote(value)}", *HANDSHAKE))
    assert is_problem(answer, 401, "unauthorized")


@pytest.mark.parametrize("value", OPERATORS)
def test_since_is_an_id_or_nothing(target: Target, owner: TestUser, value: str) -> None:
    path = f"/ws?token={owner.token}&since={quote(value)}"
    assert target.ask(request("GET", path, *HANDSHAKE)).status == 101


@pytest.mark.parametrize(
    "query",
    [
        "job_id[$ne]=1",
        "job_id[$gt]=",
        "job_id[]=666666666666666666666666",
        "job_id[0]=666666666666666666666666",
        "job_id.$ne=1",
        "$where=sleep(5000)",
        "JOB_ID=666666666666666666666666",
        "job_id=666666666666666666666666&job_id[$ne]=1&job_id=777777777777777777777777",
        "job_id%00=666666666666666666666666",
        "job_id;=666666666666666666666666",
        "=666666666666666666666666",
        "&" * 1_000,
        "a=1&" * 700,
    ],
)
def test_other_names_of_the_parameter_are_not_it(
    target: Target, owner: TestUser, query: str
) -> None:
    assert is_problem(ask(target, owner, f"{JOB_STATUS}?{query}"), 400, "bad_request")


def test_a_user_in_the_query_changes_nothing(target: Target, owner: TestUser) -> None:
    job = target.database["resume_parse_jobs"].find_one({"user_id": ObjectId(owner.id)})
    assert job
    stranger = target.new_user()
    for claim in (f"user_id={owner.id}", f"user_id[$ne]={stranger.id}", f"sub={owner.id}"):
        answer = ask(target, stranger, f"{JOB_STATUS}?job_id={job['_id']}&{claim}")
        assert is_problem(answer, 404, "not_found")


@pytest.mark.parametrize("value", [{"job_id": {"$ne": None}}, [{"$ne": 1}], {"$where": "1"}])
def test_a_body_is_no_query(target: Target, owner: TestUser, value: object) -> None:
    headers = (f"Authorization: Bearer {owner.token}", "Content-Type: application/json")
    body = json.dumps(value).encode()
    assert is_problem(target.ask(request("GET", JOB_STATUS, *headers, body=body)), 400)


# --- The Idempotency-Key goes into a query and into the database: as text ----------------------


def upload(target: Target, user: TestUser, key: str) -> Answer:
    headers = (f"Authorization: Bearer {user.token}", CONTENT_TYPE, f"Idempotency-Key: {key}")
    return target.ask(request("POST", UPLOAD, *headers, body=form(file_part())))


@pytest.mark.parametrize("key", ['{"$ne": null}', "$where", "a.b.$", "' OR 1=1", "../x", "*"])
def test_a_key_is_text(target: Target, owner: TestUser, key: str) -> None:
    """As a query it would match somebody's upload, and answer with that job."""
    assert upload(target, target.new_user(), "of somebody else").status == 202
    user = target.new_user()
    first, again = upload(target, user, key), upload(target, user, key)
    assert (first.status, again.status) == (202, 202)
    assert first.json["job_id"] == again.json["job_id"]
    assert target.status(user, first.json["job_id"])["job_id"] == first.json["job_id"]
    assert is_problem(ask(target, owner, f"{JOB_STATUS}?job_id={first.json['job_id']}"), 404)


@pytest.mark.parametrize("key", ["", "x" * 256, "\t", "caf\xe9", "\x85", "a\xa0b"])
def test_a_key_that_is_none_is_refused(target: Target, key: str) -> None:
    answer = upload(target, target.new_user(), key)
    assert is_problem(answer, 400, "idempotency_key_invalid")


def test_the_same_key_of_two_users_is_two_keys(target: Target) -> None:
    one, two = target.new_user(), target.new_user()
    first, second = upload(target, one, "mine"), upload(target, two, "mine")
    assert (first.status, second.status) == (202, 202)
    assert first.json["job_id"] != second.json["job_id"]


# --- Other people's things look like things that are not there -----------------------------------


def essence(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """What an answer tells, without what differs from one to the next."""
    changing = {"date", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in changing}
    return answer.status, headers, answer.json


class Finished(NamedTuple):
    """A user's job that has become a resume."""

    owner: TestUser
    job_id: str
    resume_id: str


@pytest.fixture
def finished(target: Target) -> Finished:
    owner = target.new_user()
    job_id = target.accepted(owner)
    resume_id = target.ended(owner, job_id)["resume_id"]
    assert ask(target, owner, f"/api/v1/resumes/{resume_id}").status == 200
    return Finished(owner, job_id, resume_id)


def test_a_foreign_job_looks_like_none(target: Target, finished: Finished) -> None:
    stranger = target.new_user()
    missing = essence(ask(target, stranger, f"{JOB_STATUS}?job_id={random_id()}"))
    assert missing[0] == 404
    for foreign in (finished.job_id, finished.resume_id, finished.owner.id, stranger.id):
        assert essence(ask(target, stranger, f"{JOB_STATUS}?job_id={foreign}")) == missing


def test_a_foreign_resume_looks_like_none(target: Target, finished: Finished) -> None:
    stranger = target.new_user(resume=[{"_id": ObjectId(), "resume_detail": {}}])

    def told(wanted: str) -> tuple[Any, ...]:
        status, headers, body = essence(ask(target, stranger, f"/api/v1/resumes/{wanted}"))
        assert body.pop("instance").endswith(wanted)
        return status, headers, body

    missing = told(random_id())
    assert missing[0] == 404
    for foreign in (finished.resume_id, finished.job_id, finished.owner.id):
        assert told(foreign) == missing


@pytest.mark.parametrize(
    "header", ["If-None-Match: *", 'If-None-Match: "completed-1-3"', "Range: bytes=0-"]
)
def test_no_header_tells_whether_a_foreign_job_is_there(
    target: Target, finished: Finished, header: str
) -> None:
    stranger = target.new_user()
    headers = (f"Authorization: Bearer {stranger.token}", header)

    def told(wanted: str) -> tuple[Any, ...]:
        return essence(target.ask(request("GET", f"{JOB_STATUS}?job_id={wanted}", *headers)))

    assert told(finished.job_id) == told(random_id())


def test_foreign_events_are_not_told_whatever_is_asked_for(
    target: Target, finished: Finished
) -> None:
    event = target.database["job_events"].find_one({"job_id": ObjectId(finished.job_id)})
    assert event
    wishes = [f"since={event['_id']}", f"job_id={finished.job_id}", f"user_id={finished.owner.id}"]
    stranger, neighbour = target.new_user(), target.new_user()
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(target.socket(stranger, f"token={stranger.token}&{wish}"))
            for wish in wishes
        ]
        target.ended(neighbour, target.accepted(neighbour))
        own = target.accepted(stranger)
        for frames in sockets:
            told = set()
            while (payload := frames.next()["payload"])["status"] != "completed":
                told.add(payload["job_id"])
            assert told | {payload["job_id"]} == {own}
