"""Guards who is rescued: what was due before the workers got so far, and nobody else. MongoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.errors import PublishFailedError, QueueUnavailableError
from resumes.job import Claim, Job
from resumes.ports import NewJob, Overdue, Unlettered
from resumes.rescue import Rescued, RescueJobs
from store.rescue import MongoRescueStore
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."
RETENTION = timedelta(days=30)
GRACE_S = 45.0


class Queue:
    """A queue whose workers are as far as a test says."""

    def __init__(self) -> None:
        self.handled: datetime | None = None
        self.error: Exception | None = None
        self.published: list[str] = []

    def handled_until(self) -> datetime | None:
        if isinstance(self.error, QueueUnavailableError):
            raise self.error
        return self.handled

    def publish(self, job: Job, traceparent: str) -> None:
        assert traceparent == ""
        if self.error:
            raise self.error
        self.published.append(job.id)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def store(migrated: Database[Any]) -> MongoRescueStore:
    return MongoRescueStore(migrated, failed_file_retention=RETENTION)


@pytest.fixture
def rescue(store: MongoRescueStore, queue: Queue) -> RescueJobs:
    return RescueJobs(store, queue, GRACE_S)


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=timedelta(seconds=30), failed_file_retention=RETENTION)


def open_job(database: Database[Any], kind: Any = "mongo") -> str:
    user_id = str(database["user"].insert_one({"resume": None}).inserted_id)
    uploads = MongoUploadStore(
        database, storage_kind=kind, answer_timeout=RETENTION, failed_file_retention=RETENTION
    )
    new_job = NewJob(user_id, "resume.pdf", len(PDF), "0" * 64, 2, "2026-11-23", 20)
    return uploads.open(new_job, PDF).id


@pytest.fixture
def job_id(migrated: Database[Any]) -> str:
    return open_job(migrated)


def age(database: Database[Any], job_id: str, seconds: float) -> None:
    """Move everything that a job waits for into the past."""
    moved = {
        field: {"$subtract": [f"${field}", round(1000 * seconds)]}
        for field in ("due_at", "next_retry_at", "lease_until")
    }
    jobs = database["resume_parse_jobs"]
    present = jobs.find_one({"_id": ObjectId(job_id)}) or {}
    changes = {field: change for field, change in moved.items() if field in present}
    jobs.update_one({"_id": ObjectId(job_id)}, [{"$set": changes}])


def document(database: Database[Any], job_id: str) -> dict[str, Any]:
    return database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) or {}


def test_a_job_that_was_never_published_is_published_after_the_grace(
    rescue: RescueJobs, queue: Queue, migrated: Database[Any], job_id: str
) -> None:
    age(migrated, job_id, GRACE_S - 30)
    assert rescue.run_once() == Rescued()
    age(migrated, job_id, 35)
    assert rescue.run_once() == Rescued(published=1)
    assert queue.published == [job_id]
    assert rescue.run_once() == Rescued(), "it has its time again"
    assert document(migrated, job_id)["status"] == "pending"


def test_a_backlog_is_left_alone_however_long_it_is(
    rescue: RescueJobs, queue: Queue, migrated: Database[Any]
) -> None:
    """100,000 queued jobs published twice would be 100,000 more."""
    ids = [open_job(migrated) for _ in range(20)]
    for place, job_id in enumerate(ids):
        age(migrated, job_id, 7200 - 60 * place)
    queue.handled = document(migrated, ids[0])["due_at"] + timedelta(seconds=1)
    assert rescue.run_once() == Rescued()
    # The workers got further, and one of those behind them had no record.
    queue.handled += timedelta(seconds=GRACE_S)
    assert rescue.run_once() == Rescued(published=1)
    assert queue.published == ids[:1]


def test_a_retry_that_was_not_sent_is_sent_when_it_was_due(
    rescue: RescueJobs,
    queue: Queue,
    work: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    claim = work.claim(job_id, "dies before the retry")
    assert isinstance(claim, Claim)
    work.release(claim, "parser_unavailable", "Later.", delay_s=600, counts=True)
    age(migrated, job_id, 600 + GRACE_S - 30)
    assert rescue.run_once() == Rescued()
    age(migrated, job_id, 35)
    assert rescue.run_once() == Rescued(published=1)
    assert queue.published == [job_id]
    assert isinstance(work.claim(job_id, "another"), Claim)


def test_an_expired_lease_whose_record_is_gone_is_noticed(
    rescue: RescueJobs,
    queue: Queue,
    work: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    claim = work.claim(job_id, "dies")
    assert isinstance(claim, Claim)
    age(migrated, job_id, 30 + GRACE_S + 5)
    work.renew([claim])  # it lives after all
    assert rescue.run_once() == Rescued()
    age(migrated, job_id, 30 + GRACE_S + 5)
    assert rescue.run_once() == Rescued(published=1)
    assert queue.published == [job_id]


def test_a_missing_dead_letter_is_asked_for_until_it_is_written(
    rescue: RescueJobs,
    queue: Queue,
    work: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    claim = work.claim(job_id, "dies before the letter")
    assert isinstance(claim, Claim)
    work.fail(claim, "parser_rejected", "No text.")
    for _ in range(5):
        age(migrated, job_id, 20 + GRACE_S + 5)
        assert rescue.run_once() == Rescued(published=1)
    assert isinstance(work.claim(job_id, "another"), Unlettered)
    work.note_letter(job_id, "0:7")
    assert rescue.run_once() == Rescued()
    assert len(queue.published) == 5


def test_a_job_that_no_worker_begins_is_given_up(
    rescue: RescueJobs,
    queue: Queue,
    work: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    for _ in range(2):  # its max_attempts
        age(migrated, job_id, GRACE_S + 5)
        assert rescue.run_once() == Rescued(published=1)
    age(migrated, job_id, GRACE_S + 5)
    assert rescue.run_once() == Rescued(given_up=1)
    job = document(migrated, job_id)
    assert (job["status"], job["error_code"]) == ("failed", "attempts_exhausted")
    assert migrated["job_events"].count_documents({"to": "failed"}) == 1
    # Its letter is still to be written, by a worker.
    age(migrated, job_id, GRACE_S + 5)
    assert rescue.run_once() == Rescued(published=1)
    assert isinstance(work.claim(job_id, "a worker"), Unlettered)
    assert queue.published == [job_id] * 3


def test_an_attempt_makes_the_rescues_before_it_forgotten(
    rescue: RescueJobs, work: MongoWorkStore, migrated: Database[Any], job_id: str
) -> None:
    age(migrated, job_id, GRACE_S + 5)
    assert rescue.run_once() == Rescued(published=1)
    claim = work.claim(job_id, "one")
    assert isinstance(claim, Claim)
    assert document(migrated, job_id)["rescues"] == 0


def test_of_two_rescuers_one_takes_the_job(
    store: MongoRescueStore, migrated: Database[Any], job_id: str
) -> None:
    age(migrated, job_id, GRACE_S + 5)
    [seen] = store.overdue(None, grace_s=GRACE_S, limit=10)
    assert isinstance(seen, Overdue)
    assert store.take(seen)
    assert not store.take(seen)
    assert not store.give_up(seen, "x", "y")


def test_a_job_that_began_meanwhile_is_not_taken(
    store: MongoRescueStore, work: MongoWorkStore, migrated: Database[Any], job_id: str
) -> None:
    age(migrated, job_id, GRACE_S + 5)
    [seen] = store.overdue(None, grace_s=GRACE_S, limit=10)
    assert isinstance(work.claim(job_id, "one"), Claim)
    assert not store.take(seen)


@pytest.mark.parametrize("error", [QueueUnavailableError(), PublishFailedError()])
def test_an_outage_of_the_queue_loses_nothing(
    rescue: RescueJobs, queue: Queue, migrated: Database[Any], job_id: str, error: Exception
) -> None:
    age(migrated, job_id, GRACE_S + 5)
    queue.error = error
    with pytest.raises(type(error)):
        rescue.run_once()
    queue.error = None
    age(migrated, job_id, GRACE_S + 5)
    assert rescue.run_once() == Rescued(published=1)


def test_inline_bytes_of_failed_jobs_are_cleared_when_their_time_is_over(
    rescue: RescueJobs, work: MongoWorkStore, migrated: Database[Any]
) -> None:
    job_id = open_job(migrated, "inline")
    claim = work.claim(job_id, "one")
    assert isinstance(claim, Claim)
    work.fail(claim, "x", "y")
    work.note_letter(job_id, "0:7")
    assert rescue.run_once() == Rescued()
    assert work.load_file(job_id) == PDF
    expired = {"$set": {"file_expires_at": datetime.now(UTC) - timedelta(seconds=5)}}
    migrated["resume_parse_jobs"].update_one({"_id": ObjectId(job_id)}, expired)
    assert rescue.run_once() == Rescued(files_cleared=1)
    assert work.load_file(job_id) is None
    assert document(migrated, job_id)["status"] == "failed"


def test_the_look_for_overdue_jobs_uses_its_index(migrated: Database[Any]) -> None:
    plan = migrated["resume_parse_jobs"].find({"due_at": {"$lt": datetime.now(UTC)}}).explain()
    assert "'due'" in str(plan["queryPlanner"]["winningPlan"])
