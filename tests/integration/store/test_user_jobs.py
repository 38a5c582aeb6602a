"""Guards cancelling against workers that claim at the same time, and the place in the queue."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.cancel import CANCELLED, MESSAGE, CancelTooLateError, JobEndedError, cancel_job
from resumes.job import Claim, Job, JobStatus
from resumes.ports import ClaimMiss, NewJob
from store.cancelling import MongoUserJobs
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."
DAY = "2026-11-23"
RETENTION = timedelta(days=30)


@pytest.fixture(params=["mongo", "inline"])
def uploads(request: pytest.FixtureRequest, migrated: Database[Any]) -> MongoUploadStore:
    return MongoUploadStore(
        migrated,
        storage_kind=request.param,
        answer_timeout=timedelta(seconds=45),
        failed_file_retention=RETENTION,
    )


@pytest.fixture
def jobs(migrated: Database[Any]) -> MongoUserJobs:
    return MongoUserJobs(migrated, catch_up=timedelta(hours=1))


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=timedelta(seconds=30), failed_file_retention=RETENTION)


def opened(uploads: MongoUploadStore, user_id: str) -> Job:
    job = NewJob(
        user_id=user_id,
        file_name="resume.pdf",
        size_bytes=len(PDF),
        sha256="0" * 64,
        max_attempts=5,
        day=DAY,
        daily_limit=20,
    )
    return uploads.open(job, PDF)


def test_a_cancelled_job_is_failed_without_file_letter_or_anything_due(
    uploads: MongoUploadStore, jobs: MongoUserJobs, migrated: Database[Any], user_id: str
) -> None:
    job = opened(uploads, user_id)
    cancelled = cancel_job(jobs, job.id, user_id)

    assert cancelled
    assert (cancelled.status, cancelled.error_code) == (JobStatus.FAILED, CANCELLED)
    assert cancelled.error_message == MESSAGE
    [document] = migrated["resume_parse_jobs"].find()
    assert {"file_data", "file_expires_at", "due_at", "dead_letter"} & set(document) == set()
    assert migrated["resume_files"].count_documents({}) == 0
    assert uploads.uploads_used(user_id, DAY) == 1
    event = migrated["job_events"].find_one({"rev": 2})
    assert event
    assert (event["from"], event["to"], event["reason"]) == ("pending", "failed", CANCELLED)
    assert event["error_message"] == MESSAGE


def test_the_record_that_comes_later_has_nothing_to_do_and_the_next_upload_is_free(
    uploads: MongoUploadStore, jobs: MongoUserJobs, work: MongoWorkStore, user_id: str
) -> None:
    job = opened(uploads, user_id)
    cancel_job(jobs, job.id, user_id)

    assert work.claim(job.id, "test") is ClaimMiss.FINISHED
    assert opened(uploads, user_id).status is JobStatus.PENDING


def test_a_job_that_waits_for_another_attempt_can_be_cancelled(
    uploads: MongoUploadStore, jobs: MongoUserJobs, work: MongoWorkStore, user_id: str
) -> None:
    job = opened(uploads, user_id)
    claim = work.claim(job.id, "test")
    assert isinstance(claim, Claim)
    work.release(claim, "parser_unavailable", "away", delay_s=60, counts=True)

    cancelled = cancel_job(jobs, job.id, user_id)
    assert cancelled
    assert (cancelled.error_code, cancelled.next_retry_at) == (CANCELLED, None)


def test_what_runs_what_has_ended_and_what_is_anothers_is_left_alone(
    uploads: MongoUploadStore, jobs: MongoUserJobs, work: MongoWorkStore, user_id: str
) -> None:
    job = opened(uploads, user_id)
    assert cancel_job(jobs, job.id, str(ObjectId())) is None
    assert cancel_job(jobs, str(ObjectId()), user_id) is None
    claim = work.claim(job.id, "test")
    assert isinstance(claim, Claim)
    with pytest.raises(CancelTooLateError):
        cancel_job(jobs, job.id, user_id)
    work.complete(claim, str(ObjectId()), {}, {})
    with pytest.raises(JobEndedError):
        cancel_job(jobs, job.id, user_id)


def test_of_a_worker_and_a_user_at_the_same_moment_exactly_one_has_the_job(
    uploads: MongoUploadStore, jobs: MongoUserJobs, work: MongoWorkStore, migrated: Database[Any]
) -> None:
    """A cancel that read the status first would end a job under its worker."""

    def cancels(job: Job, barrier: threading.Barrier) -> bool:
        barrier.wait()
        try:
            cancel_job(jobs, job.id, job.user_id)
        except CancelTooLateError:
            return False
        return True

    def claims(job: Job, barrier: threading.Barrier) -> bool:
        barrier.wait()
        return isinstance(work.claim(job.id, "test"), Claim)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            job = opened(uploads, str(migrated["user"].insert_one({}).inserted_id))
            barrier = threading.Barrier(2)
            won = [pool.submit(act, job, barrier) for act in (cancels, claims)]
            assert sorted(each.result() for each in won) == [False, True]


def test_the_place_in_the_queue_counts_who_came_before_up_to_a_limit(
    uploads: MongoUploadStore, jobs: MongoUserJobs, work: MongoWorkStore, migrated: Database[Any]
) -> None:
    users = [str(migrated["user"].insert_one({}).inserted_id) for _ in range(5)]
    waiting = [opened(uploads, user) for user in users]
    for number, job in enumerate(waiting):
        made_at = job.created_at + timedelta(seconds=number)
        migrated["resume_parse_jobs"].update_one(
            {"_id": ObjectId(job.id)}, {"$set": {"created_at": made_at}}
        )
    last = jobs.get(waiting[-1].id, users[-1])
    assert last

    assert jobs.position(last, limit=1000) == 4
    assert jobs.position(last, limit=3) == 3
    work.claim(waiting[0].id, "test")
    cancel_job(jobs, waiting[1].id, users[1])
    assert jobs.position(last, limit=1000) == 2


def test_the_place_in_the_queue_is_counted_in_an_index_without_a_document(
    uploads: MongoUploadStore, jobs: MongoUserJobs, migrated: Database[Any], user_id: str
) -> None:
    """A million ended jobs lie beside those that wait."""
    job = opened(uploads, user_id)
    migrated.command("profile", 2)
    jobs.position(job, limit=1000)
    migrated.command("profile", 0)

    [counted] = migrated["system.profile"].find({"command.aggregate": "resume_parse_jobs"})
    assert "IXSCAN { status: 1, created_at: -1" in counted["planSummary"]
    assert counted["docsExamined"] == 0
