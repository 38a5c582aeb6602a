"""Guards the fence: whatever dies, comes late or comes twice, a job ends once. Real MongoDB."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pymongo.database import Database

from resumes.errors import ClaimLostError, UserHasResumeError, UserUnknownError
from resumes.job import Claim, JobStatus, resume_id_of
from resumes.ports import Busy, ClaimMiss, NewJob, NotDue, Unlettered
from store.reads import MongoJobReader
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."
LEASE = timedelta(seconds=30)
RETENTION = timedelta(days=30)


def open_job(database: Database[Any], user_id: str, kind: Any = "mongo") -> str:
    uploads = MongoUploadStore(
        database, storage_kind=kind, answer_timeout=LEASE, failed_file_retention=RETENTION
    )
    job = uploads.open(NewJob(user_id, "resume.pdf", len(PDF), "0" * 64, 5, "2026-11-23", 20), PDF)
    return job.id


def expire_lease(database: Database[Any], job_id: str) -> None:
    database["resume_parse_jobs"].update_one(
        {"_id": ObjectId(job_id)}, [{"$set": {"lease_until": {"$subtract": ["$$NOW", 1]}}}]
    )


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=LEASE, failed_file_retention=RETENTION)


@pytest.fixture(params=["mongo", "inline"])
def job_id(request: pytest.FixtureRequest, migrated: Database[Any], user_id: str) -> str:
    return open_job(migrated, user_id, request.param)


@pytest.fixture
def claim(work: MongoWorkStore, job_id: str) -> Claim:
    claimed = work.claim(job_id, "one")
    assert isinstance(claimed, Claim)
    return claimed


def test_completing_pushes_the_resume_clears_the_bytes_and_tells(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    resume_id = resume_id_of(claim.job_id)
    work.complete(claim, resume_id, {"name": "$name"}, {"name": "A", "$odd": 2**70})
    [resume] = migrated["user"].find_one({})["resume"]  # type: ignore[index]
    assert resume["_id"] == ObjectId(resume_id)
    assert (resume["version"], resume["resume_detail"]) == (1, {"name": "$name"})
    assert work.load_file(claim.job_id) is None
    assert "file_data" not in (migrated["resume_parse_jobs"].find_one() or {"file_data": 1})
    events = list(migrated["job_events"].find(sort=[("rev", 1)]))
    assert [event["to"] for event in events] == ["pending", "processing", "completed"]
    assert [event["rev"] for event in events] == [1, 2, 3]
    assert [event["attempt"] for event in events] == [0, 1, 1]
    told = MongoJobReader(migrated, catch_up=LEASE).event_from_document(events[-1])
    assert told.cv_data == {"name": "A", "$odd": 2**70}
    assert told.resume_id == resume_id


def test_a_failed_job_keeps_its_file_and_says_why(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    work.fail(claim, "parser_rejected", "$where is no text")
    job = MongoJobReader(migrated, catch_up=LEASE).get(claim.job_id, claim.user_id)
    assert job
    assert (job.status, job.error_code) == (JobStatus.FAILED, "parser_rejected")
    assert job.error_message == "$where is no text"
    assert work.load_file(claim.job_id) == PDF


def test_a_held_job_is_busy_and_a_finished_one_is_finished(
    work: MongoWorkStore, claim: Claim
) -> None:
    held = work.claim(claim.job_id, "two")
    assert isinstance(held, Busy)
    assert held == work.claim(claim.job_id, "two")
    work.renew([claim])
    assert work.claim(claim.job_id, "two") != held
    work.fail(claim, "x", "y")
    work.note_letter(claim.job_id, "0:7")
    assert work.claim(claim.job_id, "two") is ClaimMiss.FINISHED
    assert work.claim(str(ObjectId()), "two") is ClaimMiss.UNKNOWN


def test_whoever_lost_his_claim_changes_nothing(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    expire_lease(migrated, claim.job_id)
    taken_over = work.claim(claim.job_id, "two")
    assert isinstance(taken_over, Claim)
    assert taken_over.attempt == claim.attempt + 1
    with pytest.raises(ClaimLostError):
        work.complete(claim, resume_id_of(claim.job_id), {}, {})
    with pytest.raises(ClaimLostError):
        work.fail(claim, "x", "y")
    before = migrated["resume_parse_jobs"].find_one()
    work.renew([claim])
    assert migrated["resume_parse_jobs"].find_one() == before
    assert not (migrated["user"].find_one({}) or {})["resume"]


@pytest.mark.parametrize(
    ("user_change", "error"),
    [
        ({"$set": {"resume": [{"_id": ObjectId()}]}}, UserHasResumeError),
        (None, UserUnknownError),
    ],
)
def test_a_resume_that_cannot_be_saved_leaves_the_job_as_it_was(
    work: MongoWorkStore,
    claim: Claim,
    migrated: Database[Any],
    user_change: dict[str, Any] | None,
    error: type[Exception],
) -> None:
    if user_change:
        migrated["user"].update_one({}, user_change)
    else:
        migrated["user"].delete_many({})
    with pytest.raises(error):
        work.complete(claim, resume_id_of(claim.job_id), {}, {})
    assert (migrated["resume_parse_jobs"].find_one() or {})["status"] == "processing"
    assert work.load_file(claim.job_id) == PDF


def test_the_snapshot_holds_unfinished_and_lately_ended_jobs(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    reader = MongoJobReader(migrated, catch_up=timedelta(hours=1))
    [event] = reader.snapshot(claim.user_id, None)
    assert (event.status, event.rev) == (JobStatus.PROCESSING, 2)
    work.complete(claim, resume_id_of(claim.job_id), {"name": "A"}, {"name": "A"})
    [event] = reader.snapshot(claim.user_id, None)
    assert (event.status, event.cv_data) == (JobStatus.COMPLETED, {"name": "A"})
    assert event.id == str(migrated["job_events"].find_one({"rev": 3})["_id"])  # type: ignore[index]
    assert reader.snapshot(claim.user_id, event.id)  # within the margin of its own id
    assert reader.snapshot(str(ObjectId()), None) == []
    forgetful = MongoJobReader(migrated, catch_up=timedelta(seconds=-60))
    assert forgetful.snapshot(claim.user_id, None) == []
    far_ahead = f"{0x7FFFFFFF:08x}{'0' * 16}"
    assert reader.snapshot(claim.user_id, far_ahead) == []


def make_due(database: Database[Any], job_id: str) -> None:
    database["resume_parse_jobs"].update_one(
        {"_id": ObjectId(job_id)}, [{"$set": {"next_retry_at": {"$subtract": ["$$NOW", 1]}}}]
    )


def letter_is_late(database: Database[Any], job_id: str) -> None:
    database["resume_parse_jobs"].update_one(
        {"_id": ObjectId(job_id)}, [{"$set": {"due_at": {"$subtract": ["$$NOW", 1]}}}]
    )


def document(database: Database[Any], job_id: str) -> dict[str, Any]:
    return database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) or {}


def test_a_released_job_is_pending_and_says_why_until_it_is_due(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    work.release(claim, "parser_unavailable", "Later.", delay_s=60, counts=True)
    job = document(migrated, claim.job_id)
    assert (job["status"], job["attempt"], job["error_message"]) == ("pending", 1, "Later.")
    assert job["due_at"] == job["next_retry_at"] > job["updated_at"]
    assert "lease_until" not in job
    missed = work.claim(claim.job_id, "two")
    assert isinstance(missed, NotDue)
    assert 50 < missed.wait_s <= 60
    make_due(migrated, claim.job_id)
    again = work.claim(claim.job_id, "two")
    assert isinstance(again, Claim)
    assert (again.attempt, again.counted, again.is_last) == (2, 2, False)
    job = document(migrated, claim.job_id)
    assert "next_retry_at" not in job
    assert job["due_at"] == job["lease_until"]
    events = [event["to"] for event in migrated["job_events"].find(sort=[("rev", 1)])]
    assert events == ["pending", "processing", "pending", "processing"]
    with pytest.raises(ClaimLostError):
        work.release(claim, "x", "y", delay_s=0, counts=True)


def test_a_forgiven_attempt_fences_and_does_not_count(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    work.release(claim, "parser_unavailable", "Later.", delay_s=0, counts=False)
    again = work.claim(claim.job_id, "two")
    assert isinstance(again, Claim)
    assert (again.attempt, again.counted) == (2, 1)
    assert document(migrated, claim.job_id)["forgiven"] == 1


def test_a_job_that_nobody_runs_can_be_postponed_without_an_attempt(
    work: MongoWorkStore, job_id: str, migrated: Database[Any]
) -> None:
    assert work.postpone(job_id, 60)
    job = document(migrated, job_id)
    assert (job["status"], job["attempt"], job["rev"]) == ("pending", 0, 1)
    assert job["due_at"] == job["next_retry_at"]
    make_due(migrated, job_id)
    claim = work.claim(job_id, "one")
    assert isinstance(claim, Claim)
    assert not work.postpone(job_id, 60)  # it runs
    expire_lease(migrated, job_id)
    assert work.postpone(job_id, 60)  # it did
    work.fail(claim, "x", "y")
    assert not work.postpone(job_id, 60)
    assert not work.postpone(str(ObjectId()), 60)


def test_a_job_whose_last_attempt_died_is_exhausted_and_given_up_once(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    migrated["resume_parse_jobs"].update_one({}, {"$set": {"max_attempts": 1}})
    assert isinstance(work.claim(claim.job_id, "two"), Busy)
    assert not work.give_up(claim.job_id, "x", "y")
    expire_lease(migrated, claim.job_id)
    assert work.claim(claim.job_id, "two") is ClaimMiss.EXHAUSTED
    assert work.give_up(claim.job_id, "attempts_exhausted", "Sorry.")
    assert not work.give_up(claim.job_id, "attempts_exhausted", "Sorry.")
    job = document(migrated, claim.job_id)
    assert (job["status"], job["error_code"], job["attempt"]) == ("failed", "attempts_exhausted", 1)
    with pytest.raises(ClaimLostError):
        work.complete(claim, resume_id_of(claim.job_id), {}, {})


def test_a_failed_job_has_something_due_until_its_letter_is_written(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    work.fail(claim, "x", "y")
    job = document(migrated, claim.job_id)
    assert (job["dead_letter"], "due_at" in job) == ("due", True)
    work.note_letter(claim.job_id, "0:7")
    job = document(migrated, claim.job_id)
    assert (job["dead_letter"], "due_at" in job) == ("written", False)
    assert job["updated_at"] == document(migrated, claim.job_id)["updated_at"]


def test_a_letter_is_owed_by_one_at_a_time(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    """A duplicate of the record must not write a second one beside whoever failed the job."""
    work.fail(claim, "x", "y")
    beside = work.claim(claim.job_id, "two")
    assert isinstance(beside, NotDue)
    assert 15 < beside.wait_s <= 20
    letter_is_late(migrated, claim.job_id)
    owed = work.claim(claim.job_id, "two")
    assert isinstance(owed, Unlettered)
    assert (owed.code, owed.message) == ("x", "y")
    assert isinstance(work.claim(claim.job_id, "three"), NotDue)
    work.note_letter(claim.job_id, "0:7")
    assert work.claim(claim.job_id, "three") is ClaimMiss.FINISHED


def test_the_bytes_of_a_failed_job_have_an_end(
    work: MongoWorkStore, claim: Claim, migrated: Database[Any]
) -> None:
    work.fail(claim, "x", "y")
    job = document(migrated, claim.job_id)
    if job["storage"] == "inline":
        expires_at = job["file_expires_at"]
    else:
        expires_at = (migrated["resume_files"].find_one() or {})["expires_at"]
    assert RETENTION <= expires_at - job["updated_at"] < RETENTION + timedelta(minutes=1)


class Attempts(RuleBasedStateMachine):
    """Any number of attempts at one job: dead, late, or run twice; on the real store."""

    # A list, since Hypothesis asks a class's members for marks and a Database has any member.
    databases: ClassVar[list[Database[Any]]] = []

    def __init__(self) -> None:
        super().__init__()
        [self.database] = self.databases
        self.user_id = str(self.database["user"].insert_one({}).inserted_id)
        self.job_id = open_job(self.database, self.user_id)
        self.work = MongoWorkStore(self.database, lease=LEASE, failed_file_retention=RETENTION)
        self.claims: list[Claim] = []

    @rule(lease_has_expired=st.booleans())
    def claim(self, *, lease_has_expired: bool) -> None:
        if lease_has_expired:
            expire_lease(self.database, self.job_id)
        claimed = self.work.claim(self.job_id, "any")
        if isinstance(claimed, Claim):
            self.claims.append(claimed)

    @rule()
    def postpone(self) -> None:
        self.work.postpone(self.job_id, 0)

    @rule(
        which=st.integers(0, 3),
        end=st.sampled_from(["completes", "fails", "counts", "does not count"]),
    )
    def finish(self, which: int, *, end: str) -> None:
        if not self.claims:
            return
        claim = self.claims[which % len(self.claims)]
        with suppress(ClaimLostError, UserHasResumeError):
            if end == "completes":
                self.work.complete(claim, resume_id_of(self.job_id), {}, {})
            elif end == "fails":
                self.work.fail(claim, "x", "y")
            else:
                self.work.release(claim, "x", "y", delay_s=0, counts=end == "counts")
            assert claim == self.claims[-1], "an attempt that was taken over ended the job"

    @invariant()
    def one_end_one_resume_and_a_gapless_history(self) -> None:
        key = ObjectId(self.job_id)
        events = list(self.database["job_events"].find({"job_id": key}, sort=[("rev", 1)]))
        job = self.database["resume_parse_jobs"].find_one({"_id": key}) or {}
        user = self.database["user"].find_one({"_id": ObjectId(self.user_id)}) or {}
        assert [event["rev"] for event in events] == list(range(1, job["rev"] + 1))
        assert events[-1]["to"] == job["status"]
        # By these two, figures can be kept without counting anything.
        waits = ["retry_at" in event for event in events]
        assert [event["was_retrying"] for event in events] == [False, *waits[:-1]]
        assert waits[-1] == job.get("is_retrying", False)
        ends = [event["to"] for event in events if JobStatus(event["to"]).is_terminal]
        assert ends == ([job["status"]] if JobStatus(job["status"]).is_terminal else [])
        assert len(user.get("resume", [])) == (1 if job["status"] == "completed" else 0)


@pytest.fixture
def attempts(migrated: Database[Any]) -> Iterator[type[Attempts]]:
    Attempts.databases.append(migrated)
    yield Attempts
    Attempts.databases.clear()


def test_no_order_of_attempts_ends_a_job_twice(attempts: type[Attempts]) -> None:
    run_state_machine_as_test(
        attempts,
        settings=settings(
            max_examples=25,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
