"""Guards the meeting of two attempts at one job: the real use case, leases and store on MongoDB."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.errors import AttemptsExhaustedError, FileLostError, StoppedEarlyError
from resumes.job import Claim
from resumes.parse import ParseOutcome, ParseResume
from resumes.ports import Busy, NewJob
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore
from tasks.leases import LeaseKeeper
from tests.eventually import eventually
from tests.services.parser_double import CV_DATA

LEASE = timedelta(seconds=1)


class HeldParser:
    """A parser that answers when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.called = threading.Event()
        self.answer = threading.Event()

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        self.calls += 1
        self.called.set()
        assert (file_name, data) == ("resume.pdf", b"%PDF-")
        assert self.answer.wait(30)
        return CV_DATA


@pytest.fixture
def store(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=LEASE)


@pytest.fixture
def leases(store: MongoWorkStore) -> Iterator[LeaseKeeper]:
    keeper = LeaseKeeper(store, lease_s=LEASE.total_seconds())
    keeper.start()
    yield keeper
    keeper.close()


@pytest.fixture
def parser() -> HeldParser:
    return HeldParser()


@pytest.fixture
def job_id(migrated: Database[Any], user_id: str) -> str:
    uploads = MongoUploadStore(migrated, storage_kind="mongo", answer_timeout=LEASE)
    new_job = NewJob(user_id, "resume.pdf", 5, "0" * 64, 2, "2026-11-23", 20)
    return uploads.open(new_job, b"%PDF-").id


@pytest.fixture
def parse_resume(
    store: MongoWorkStore, leases: LeaseKeeper, parser: HeldParser
) -> Callable[..., ParseResume]:
    never_stopping = threading.Event()

    def make(pause: Callable[[float], bool] = never_stopping.wait) -> ParseResume:
        return ParseResume(
            jobs=store,
            parser=parser,
            leases=leases,
            worker="test",
            pause=pause,
            on_claimed=lambda _claim: None,
        )

    return make


def run(subject: ParseResume, job_id: str, ends: list[Any]) -> threading.Thread:
    thread = threading.Thread(target=lambda: ends.append(subject.run(job_id)))
    thread.start()
    return thread


def test_a_redelivery_beside_a_live_attempt_changes_nothing(
    parse_resume: Callable[..., ParseResume], parser: HeldParser, job_id: str
) -> None:
    ends: list[Any] = []
    first = run(parse_resume(), job_id, ends)
    assert parser.called.wait(10)
    # The lease is renewed while the second one looks, many leases long if need be.
    assert parse_resume().run(job_id) is ParseOutcome.SKIPPED
    parser.answer.set()
    first.join(30)
    assert ends == [ParseOutcome.COMPLETED]
    assert parser.calls == 1


def test_a_redelivery_after_a_dead_attempt_runs_the_job(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    store: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    dead = store.claim(job_id, "killed")
    assert isinstance(dead, Claim)
    parser.answer.set()
    assert parse_resume().run(job_id) is ParseOutcome.COMPLETED
    job = migrated["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)})
    assert job
    assert (job["status"], job["attempt"]) == ("completed", 2)


def test_a_kept_lease_outlives_itself_and_runs_out_when_let_go(
    store: MongoWorkStore, leases: LeaseKeeper, job_id: str
) -> None:
    claim = store.claim(job_id, "one")
    assert isinstance(claim, Claim)
    with leases.keep(claim):
        first = store.claim(job_id, "two")
        assert isinstance(first, Busy)
        seen = {str(first.lease_until)}

        def renewed_three_times() -> bool:
            held = store.claim(job_id, "two")
            assert isinstance(held, Busy)
            seen.add(str(held.lease_until))
            return len(seen) > 3

        eventually(renewed_three_times, why="the lease is renewed")
    eventually(lambda: isinstance(store.claim(job_id, "two"), Claim), why="it runs out")


def test_a_job_whose_attempts_all_died_is_given_up(
    parse_resume: Callable[..., ParseResume],
    store: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    migrated["resume_parse_jobs"].update_one({}, {"$set": {"attempt": 2}})
    with pytest.raises(AttemptsExhaustedError):
        parse_resume().run(job_id)
    job = migrated["resume_parse_jobs"].find_one()
    assert job
    assert (job["status"], job["error_code"]) == ("failed", "attempts_exhausted")
    assert store.load_file(job_id) == b"%PDF-"


def test_a_job_without_its_file_fails(
    parse_resume: Callable[..., ParseResume], migrated: Database[Any], job_id: str
) -> None:
    migrated["resume_files"].delete_many({})
    with pytest.raises(FileLostError):
        parse_resume().run(job_id)


def test_a_stopping_worker_does_not_wait_for_another_ones_job(
    parse_resume: Callable[..., ParseResume], store: MongoWorkStore, job_id: str
) -> None:
    store.claim(job_id, "another")
    with pytest.raises(StoppedEarlyError):
        parse_resume(pause=lambda _seconds: True).run(job_id)
