"""Guards the rules of accepting an upload, under races: on a real MongoDB."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.errors import (
    DailyLimitReached,
    IdempotencyInProgress,
    JobInFlight,
    ResumeAlreadyExists,
    StoreUnavailableError,
)
from resumes.job import Claim, JobStatus
from resumes.ports import NewJob
from store.reads import MongoJobReader
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."


def new_job(user_id: str, **changes: Any) -> NewJob:
    values: dict[str, Any] = {
        "user_id": user_id,
        "file_name": "resume.pdf",
        "size_bytes": len(PDF),
        "sha256": "0" * 64,
        "max_attempts": 5,
        "day": "2026-11-23",
        "daily_limit": 20,
    }
    return NewJob(**{**values, **changes})


@pytest.fixture(params=["mongo", "inline"])
def uploads(request: pytest.FixtureRequest, migrated: Database[Any]) -> MongoUploadStore:
    return MongoUploadStore(
        migrated,
        storage_kind=request.param,
        answer_timeout=timedelta(seconds=45),
        failed_file_retention=timedelta(days=30),
    )


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(
        migrated, lease=timedelta(seconds=30), failed_file_retention=timedelta(days=30)
    )


def claim(work: MongoWorkStore, job_id: str) -> Claim:
    claimed = work.claim(job_id, "test")
    assert isinstance(claimed, Claim)
    return claimed


def test_an_opened_job_is_pending_with_its_bytes_its_event_and_its_charge(
    uploads: MongoUploadStore, work: MongoWorkStore, migrated: Database[Any], user_id: str
) -> None:
    job = uploads.open(new_job(user_id), PDF)
    assert (job.status, job.attempt, job.rev) == (JobStatus.PENDING, 0, 1)
    assert work.load_file(job.id) == PDF
    assert uploads.uploads_used(user_id, "2026-11-23") == 1
    [event] = migrated["job_events"].find()
    assert (event["from"], event["to"], event["rev"]) == (None, "pending", 1)


def test_of_many_uploads_at_once_exactly_one_wins(
    uploads: MongoUploadStore, migrated: Database[Any], user_id: str
) -> None:
    barrier = threading.Barrier(12)

    def upload(_: int) -> str:
        barrier.wait()
        try:
            return uploads.open(new_job(user_id), PDF).id
        except JobInFlight as refused:
            return f"in flight: {refused.job_id}"

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(upload, range(12)))
    [winner] = [answer for answer in answers if "in flight" not in answer]
    assert answers.count(f"in flight: {winner}") == 11
    assert uploads.uploads_used(user_id, "2026-11-23") == 1
    for collection in ("resume_parse_jobs", "job_events"):
        assert migrated[collection].count_documents({}) == 1


def test_an_upload_racing_the_completion_of_the_last_job_never_makes_a_second_resume(
    uploads: MongoUploadStore, work: MongoWorkStore, migrated: Database[Any]
) -> None:
    for _ in range(10):
        user_id = str(migrated["user"].insert_one({"resume": None}).inserted_id)
        first = claim(work, uploads.open(new_job(user_id), PDF).id)
        barrier = threading.Barrier(2)

        def complete(first: Claim = first, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            work.complete(first, str(ObjectId()), {"name": "A"}, {"name": "A"})

        thread = threading.Thread(target=complete)
        thread.start()
        barrier.wait()
        with pytest.raises((JobInFlight, ResumeAlreadyExists)):
            uploads.open(new_job(user_id), PDF)
        thread.join()


def test_a_user_with_a_resume_is_refused_and_not_charged(
    uploads: MongoUploadStore, migrated: Database[Any], user_id: str
) -> None:
    resume_id = ObjectId()
    uploads.check_no_resume(user_id)
    migrated["user"].update_one({}, {"$set": {"resume": [{"_id": resume_id}]}})
    for refused in (uploads.check_no_resume, lambda user: uploads.open(new_job(user), PDF)):
        with pytest.raises(ResumeAlreadyExists) as refusal:
            refused(user_id)
        assert refusal.value.resume_id == str(resume_id)
    assert uploads.uploads_used(user_id, "2026-11-23") == 0
    assert migrated["resume_files"].count_documents({}) == 0


def test_the_days_limit_holds_and_a_failed_publish_gives_the_upload_back(
    uploads: MongoUploadStore, user_id: str
) -> None:
    first = uploads.open(new_job(user_id, daily_limit=1), PDF)
    assert uploads.fail_publish(first.id, "publish_failed", "not queued")
    assert uploads.uploads_used(user_id, "2026-11-23") == 0
    second = uploads.open(new_job(user_id, daily_limit=1), PDF)
    assert uploads.fail_publish(second.id, "publish_failed", "not queued")
    third = uploads.open(new_job(user_id, daily_limit=1), PDF)
    with pytest.raises(JobInFlight):
        uploads.open(new_job(user_id, daily_limit=1), PDF)
    assert third.id != second.id


def test_a_used_up_day_refuses_and_the_next_day_accepts(
    uploads: MongoUploadStore, work: MongoWorkStore, user_id: str
) -> None:
    job = uploads.open(new_job(user_id, daily_limit=1), PDF)
    work.fail(claim(work, job.id), "parser_rejected", "no text")
    with pytest.raises(DailyLimitReached):
        uploads.open(new_job(user_id, daily_limit=1), PDF)
    uploads.open(new_job(user_id, daily_limit=1, day="2026-11-24"), PDF)


def test_a_job_that_a_worker_has_taken_did_reach_the_queue(
    uploads: MongoUploadStore, work: MongoWorkStore, user_id: str
) -> None:
    job = uploads.open(new_job(user_id), PDF)
    claim(work, job.id)
    assert not uploads.fail_publish(job.id, "publish_failed", "not queued")


def test_an_idempotency_key_is_running_until_answered_and_free_after_a_failed_publish(
    uploads: MongoUploadStore, user_id: str
) -> None:
    job = uploads.open(new_job(user_id, idempotency_key="k"), PDF)
    earlier = uploads.earlier_upload(user_id, "k")
    assert earlier
    assert (earlier.job_id, earlier.is_running) == (job.id, True)
    with pytest.raises(IdempotencyInProgress):
        uploads.open(new_job(user_id, idempotency_key="k"), PDF)
    uploads.mark_answered(user_id, "k")
    earlier = uploads.earlier_upload(user_id, "k")
    assert earlier
    assert not earlier.is_running
    uploads.fail_publish(job.id, "publish_failed", "not queued")
    assert uploads.earlier_upload(user_id, "k") is None


def test_a_key_is_the_users_own(uploads: MongoUploadStore, migrated: Database[Any]) -> None:
    one, other = (str(migrated["user"].insert_one({}).inserted_id) for _ in range(2))
    assert (
        uploads.open(new_job(one, idempotency_key="k"), PDF).id
        != uploads.open(new_job(other, idempotency_key="k"), PDF).id
    )


def test_a_reader_sees_his_own_jobs_only(
    uploads: MongoUploadStore, migrated: Database[Any], user_id: str
) -> None:
    reader = MongoJobReader(migrated, catch_up=timedelta(hours=1))
    job = uploads.open(new_job(user_id), PDF)
    seen = reader.get(job.id, user_id)
    assert seen
    assert seen.created_at <= datetime.now(UTC)
    assert reader.get(job.id, str(ObjectId())) is None


def test_a_killed_processs_open_transaction_delays_nobody_for_long(
    mongo_uri: str, migrated: Database[Any], user_id: str
) -> None:
    """Found by killing web processes: the next upload of the same user hung for a minute."""

    def uploads(timeout_ms: int) -> MongoUploadStore:
        options: dict[str, Any] = {"tz_aware": True, "timeoutMS": timeout_ms}
        client = opened.enter_context(pymongo.MongoClient[dict[str, Any]](mongo_uri, **options))
        return MongoUploadStore(
            client[migrated.name],
            storage_kind="mongo",
            answer_timeout=timedelta(seconds=45),
            failed_file_retention=timedelta(days=30),
        )

    with ExitStack() as opened, migrated.client.start_session() as killed:
        with killed.start_transaction():
            quotas = migrated["upload_quotas"]
            quotas.insert_one(
                {"_id": f"{user_id}:2026-11-23", "used": 1, "created_at": datetime.now(UTC)},
                session=killed,
            )
            with pytest.raises(StoreUnavailableError):
                uploads(timeout_ms=1_500).open(new_job(user_id), PDF)
            killed.abort_transaction()
        # Half of the time for which a transaction that we had left open would stay.
        assert uploads(timeout_ms=30_000).open(new_job(user_id), PDF).status is JobStatus.PENDING
