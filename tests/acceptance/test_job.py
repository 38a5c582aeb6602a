"""CONTRACT parts 2, 3 and 5: a job's whole way, and its Kafka record, on the running processes."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from bson import ObjectId

from tests.eventually import eventually
from tests.services.client import ServiceClient, TestUser
from tests.services.topics import TopicReader, produce

SAMPLES = Path(__file__).parents[2] / "samples"
PDF = (SAMPLES / "resume.pdf").read_bytes()
EXPECTED = json.loads((SAMPLES / "resume.expected.json").read_text(encoding="utf-8"))


def test_a_pdf_becomes_a_resume(client: ServiceClient) -> None:
    user = client.new_user()
    ended = client.ended(user, job_id := client.accepted(user, PDF))
    assert (ended["status"], ended["error_message"]) == ("completed", "")
    assert ended["cv_data"] == EXPECTED
    [resume] = client.resumes_of(user)
    assert str(resume["_id"]) == ended["resume_id"]
    assert resume["version"] == 1
    detail = resume["resume_detail"]
    assert detail["skill"] == EXPECTED["skills"]
    assert detail["name"] == EXPECTED["name"]
    assert isinstance(detail["education"]["graduation_year"], str)
    assert "gpa" not in detail["education"]
    stored = client.get(f"/api/v1/resumes/{ended['resume_id']}", user).json()["resume"]
    assert stored["resume_detail"] == detail
    assert client.database["resume_files"].find_one({"_id": ObjectId(job_id)}) is None
    document = client.database["user"].find_one({"_id": ObjectId(user.id)})
    assert document
    assert "updated_at" in document


def test_the_audit_trail_tells_each_transition_once(client: ServiceClient) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user, PDF))
    events = list(
        client.database["job_events"].find({"job_id": ObjectId(job_id)}, sort=[("rev", 1)])
    )
    assert [(e["from"], e["to"], e["attempt"]) for e in events] == [
        (None, "pending", 0),
        ("pending", "processing", 1),
        ("processing", "completed", 1),
    ]
    assert all(str(event["user_id"]) == user.id for event in events)


def test_the_audit_trail_tells_which_worker_ran_which_record(
    client: ServiceClient, topic: TopicReader
) -> None:
    user = client.new_user()
    traceparent = f"00-{'c' * 32}-{'d' * 16}-01"
    client.ended(user, job_id := client.accepted(user, PDF, traceparent=traceparent))
    record = topic.find(key=job_id.encode())
    event = client.database["job_events"].find_one({"job_id": ObjectId(job_id), "to": "processing"})
    assert event
    assert event["place"] == {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    assert event["worker"].startswith(f"{socket.gethostname()}:")
    job = client.database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)})
    assert job
    assert job["traceparent"] == traceparent


def test_the_record_is_plain_json_keyed_by_the_job(
    client: ServiceClient, topic: TopicReader
) -> None:
    user = client.new_user()
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    job_id = client.accepted(user, PDF, name="Nguyễn Văn A.pdf", traceparent=traceparent)
    record = topic.find(key=job_id.encode())
    assert json.loads(record.value) == {
        "job_id": job_id,
        "user_id": user.id,
        "file_name": "Nguyễn Văn A.pdf",
    }
    headers = dict(record.headers)
    assert headers["traceparent"] == traceparent.encode()
    assert headers["dramatiq-actor"] == b"parse_resume"


def test_a_record_of_any_kafka_client_runs_the_job(
    quiet: ServiceClient, client: ServiceClient, topic: TopicReader
) -> None:
    # A job opened by a stack without workers, copied to the one that has them: its only record is
    # the plain JSON written here.
    user = quiet.new_user()
    job_id = quiet.accepted(user, PDF)
    for collection, query in (
        ("user", {"_id": ObjectId(user.id)}),
        ("resume_parse_jobs", {"_id": ObjectId(job_id)}),
        ("resume_files", {"_id": ObjectId(job_id)}),
    ):
        document = quiet.database[collection].find_one(query)
        assert document
        client.database[collection].insert_one(document)
    value = {"job_id": job_id, "user_id": user.id, "file_name": "resume.pdf"}
    no_trace = [("traceparent", b"00-" + b"x" * 1000)]
    produce(topic.bootstrap, topic.name, json.dumps(value).encode(), headers=no_trace)
    known_here = TestUser(user.id, client.token(sub=user.id))
    assert client.ended(known_here, job_id)["status"] == "completed"
    ended = client.database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)})
    opened = quiet.database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)})
    assert ended
    assert opened
    assert ended["traceparent"] == opened["traceparent"]


def test_a_record_that_comes_again_changes_nothing(
    client: ServiceClient, topic: TopicReader, lag: Callable[[], int]
) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user, PDF))
    before = client.database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)})
    record = topic.find(key=job_id.encode())
    for _ in range(3):
        produce(topic.bootstrap, topic.name, record.value, key=record.key, headers=record.headers)
    eventually(lambda: lag() == 0, within_s=30)
    assert client.database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) == before
    assert len(client.resumes_of(user)) == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"[1, 2]",
        b'{"job_id": "x"}',
        b'{"job_id": {"$ne": null}}',
        b'{"job_id": null}',
        b"{}",
        b'{"job_id": "666666666666666666666666", "user_id": "", "file_name": ""}',
        b"\xff\xfe\x00",
        None,
    ],
)
def test_a_record_that_is_no_job_becomes_a_dead_letter_and_the_partition_goes_on(
    client: ServiceClient, topic: TopicReader, dead_letters: TopicReader, value: bytes | None
) -> None:
    produced = produce(topic.bootstrap, topic.name, value, key=b"poison")
    user = client.new_user()
    assert client.ended(user, client.accepted(user, PDF))["status"] == "completed"
    letter = dead_letters.find_from(produced.partition, produced.offset)
    assert (letter.key, letter.value) == (b"poison", value)
    headers = dict(letter.headers)
    assert headers["kafka_dlt-original-topic"] == topic.name.encode()
    assert headers["kafka_dlt-exception-message"]


def test_an_unreadable_pdf_fails_with_what_to_do_and_a_dead_letter(
    client: ServiceClient, dead_letters: TopicReader
) -> None:
    user = client.new_user()
    ended = client.ended(user, job_id := client.accepted(user, b"%PDF-1.7 garbage"))
    assert (ended["status"], ended["error_code"]) == ("failed", "parser_rejected")
    assert ended["error_message"]
    assert (ended["cv_data"], ended["resume_id"]) == (None, "")
    assert client.resumes_of(user) == []
    assert dead_letters.find(key=job_id.encode())
    # The file stays for a replay, and the user may upload a better one.
    assert client.database["resume_files"].find_one({"_id": ObjectId(job_id)})
    assert client.ended(user, client.accepted(user, PDF))["status"] == "completed"


def test_the_groups_lag_returns_to_nothing(client: ServiceClient, lag: Callable[[], int]) -> None:
    user = client.new_user()
    client.ended(user, client.accepted(user, PDF))
    eventually(lambda: lag() == 0, within_s=30)
