"""Guards what the events tell: figures and timelines are made of nothing else. Real MongoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.job import Claim, JobStatus, resume_id_of
from resumes.operating import RecordPlace
from resumes.ports import JobRecord, NewJob
from store.transitions import in_transaction, transition
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

RETENTION = timedelta(days=30)
TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
PLACE = {"topic": "resumes", "partition": 3, "offset": 2**40}


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=timedelta(seconds=30), failed_file_retention=RETENTION)


@pytest.fixture
def job_id(migrated: Database[Any], user_id: str) -> str:
    uploads = MongoUploadStore(
        migrated, storage_kind="mongo", answer_timeout=RETENTION, failed_file_retention=RETENTION
    )
    new_job = NewJob(user_id, "cv.pdf", 5, "0" * 64, 5, "2026-11-25", 20, traceparent=TRACEPARENT)
    return uploads.open(new_job, b"%PDF-").id


def claimed(work: MongoWorkStore, job_id: str, worker: str) -> Claim:
    claim = work.claim(job_id, worker, JobRecord(RecordPlace(**PLACE)))  # type: ignore[arg-type]
    assert isinstance(claim, Claim)
    return claim


def events(database: Database[Any]) -> list[dict[str, Any]]:
    return list(database["job_events"].find(sort=[("rev", 1)]))


def the_job(database: Database[Any]) -> dict[str, Any]:
    return database["resume_parse_jobs"].find_one() or {}


def operate(database: Database[Any], to: JobStatus, **changes: Any) -> dict[str, Any] | None:
    def act(session: ClientSession) -> dict[str, Any] | None:
        allowed = {"_id": the_job(database)["_id"]}
        return transition(database, session, allowed=allowed, to=to, **{"values": {}, **changes})

    return in_transaction(database, act)


def test_each_attempt_says_who_had_it_where_it_lay_and_what_went_wrong(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    work.release(
        claimed(work, job_id, "one"), "x", "Later.", delay_s=-1, counts=True, trace="a.py:1 in a"
    )
    work.fail(claimed(work, job_id, "two"), "y", "No.", trace="b.py:2 in b")
    opened, first, released, second, failed = events(migrated)
    assert [event["worker"] for event in events(migrated)] == ["", "one", "one", "two", "two"]
    assert (first["place"], second["place"]) == (PLACE, PLACE)
    assert (released["trace"], failed["trace"]) == ("a.py:1 in a", "b.py:2 in b")
    assert not [event for event in (opened, released, failed) if "place" in event]
    assert not [event for event in (opened, first, second) if "trace" in event]


def test_an_end_knows_since_when_the_job_is(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    work.fail(claimed(work, job_id, "one"), "x", "y")
    created_at = the_job(migrated)["created_at"]
    assert {event["job_created_at"] for event in events(migrated)} == {created_at}
    replayed = {"error_code": "", "error_message": "", "resume_id": None}
    restarted = {"restarted_at": "$$NOW"}
    operate(migrated, JobStatus.PENDING, values=replayed, computed=restarted)
    claim = claimed(work, job_id, "two")
    work.complete(claim, resume_id_of(job_id), {}, {})
    restarted_at = the_job(migrated)["restarted_at"]
    assert restarted_at > created_at
    assert [event["job_created_at"] for event in events(migrated)[-2:]] == [restarted_at] * 2


def test_a_job_that_waits_for_its_next_attempt_says_until_when(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    work.release(claimed(work, job_id, "one"), "x", "y", delay_s=60, counts=True)
    assert events(migrated)[-1]["retry_at"] == the_job(migrated)["next_retry_at"]
    assert the_job(migrated)["is_retrying"] is True
    operate(migrated, JobStatus.PENDING, computed={"next_retry_at": "$$REMOVE"})
    assert "retry_at" not in events(migrated)[-1]
    assert events(migrated)[-1]["was_retrying"] is True
    assert "is_retrying" not in the_job(migrated)
    claimed(work, job_id, "two")
    assert events(migrated)[-1]["was_retrying"] is False


def test_a_job_that_was_only_postponed_was_not_retrying(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    """No event says that it waits, so none may say that it did: the figures would drift."""
    assert work.postpone(job_id, -1)
    claimed(work, job_id, "one")
    assert events(migrated)[-1]["was_retrying"] is False


def test_what_an_operator_does_has_fields_of_its_own(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    work.fail(claimed(work, job_id, "one"), "x", "y")
    discarded = {"operator": "lan", "reason": "discarded"}
    now = datetime.now(UTC).replace(microsecond=0)
    before = operate(migrated, JobStatus.FAILED, values={"discarded_at": now}, event=discarded)
    assert before is not None
    assert "discarded_at" not in before
    event = events(migrated)[-1]
    assert (event["from"], event["to"], event["rev"]) == ("failed", "failed", 4)
    assert (event["operator"], event["reason"], event["error_message"]) == ("lan", "discarded", "y")
    assert event["worker"] == ""  # none had to do with it
    assert (the_job(migrated)["discarded_at"], the_job(migrated)["error_code"]) == (now, "x")


def test_nobody_brings_a_completed_job_back(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    work.complete(claimed(work, job_id, "one"), resume_id_of(job_id), {}, {})
    told = events(migrated)
    with pytest.raises(AssertionError, match="completed -> pending"):
        operate(migrated, JobStatus.PENDING)
    assert the_job(migrated)["status"] == "completed"
    assert events(migrated) == told


def test_a_job_keeps_the_trace_of_its_upload_or_of_its_last_record(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    assert the_job(migrated)["traceparent"] == TRACEPARENT
    work.release(claimed(work, job_id, "one"), "x", "y", delay_s=-1, counts=True)
    assert the_job(migrated)["traceparent"] == TRACEPARENT  # a foreign record had none
    other = TRACEPARENT.replace("a", "c")
    place = RecordPlace("resumes", 0, 1)
    assert isinstance(work.claim(job_id, "two", JobRecord(place, other)), Claim)
    assert the_job(migrated)["traceparent"] == other
    assert str(the_job(migrated)["_id"]) == job_id
    assert ObjectId(job_id) == events(migrated)[0]["job_id"]
