"""Guards the meeting of two attempts at one job: the real use case, leases and store on MongoDB."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.backoff import Backoff
from resumes.errors import (
    AttemptsExhaustedError,
    FileLostError,
    LetterMissingError,
    ParserRejectedError,
    ParserUnavailableError,
    RunLaterError,
    StoppedEarlyError,
)
from resumes.job import Claim, Job
from resumes.operating import OperationKind
from resumes.operation_ports import Doing
from resumes.parse import ParseOutcome, ParseResume
from resumes.ports import Busy, NewJob
from store.job_actions import MongoJobActions
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore
from tasks.leases import LeaseKeeper
from tests.eventually import eventually
from tests.services.parser_double import CV_DATA

#: Long enough that whoever keeps it may stand still for a few seconds.
LEASE = timedelta(seconds=5)
RETENTION = timedelta(days=30)


class HeldParser:
    """A parser that answers when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.called = threading.Event()
        self.answer = threading.Event()
        #: Raised by the coming calls, one each.
        self.errors: list[Exception] = []
        #: What the breaker says, look by look; then that it is closed.
        self.closed_for: list[float] = []

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        self.calls += 1
        self.called.set()
        assert (file_name, data) == ("resume.pdf", b"%PDF-")
        assert self.answer.wait(30)
        if self.errors:
            raise self.errors.pop(0)
        return CV_DATA

    def closed_for_s(self) -> float:
        return self.closed_for.pop(0) if self.closed_for else 0.0


class Letters:
    """The dead letters that there are."""

    def __init__(self) -> None:
        self.job_ids: set[str] = set()

    def find(self, job_id: str, *, since: datetime) -> str | None:
        assert since <= datetime.now(UTC)
        return "0:7" if job_id in self.job_ids else None


@pytest.fixture
def store(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=LEASE, failed_file_retention=RETENTION)


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
def letters() -> Letters:
    return Letters()


@pytest.fixture
def job_id(migrated: Database[Any], user_id: str) -> str:
    uploads = MongoUploadStore(
        migrated, storage_kind="mongo", answer_timeout=LEASE, failed_file_retention=RETENTION
    )
    new_job = NewJob(user_id, "resume.pdf", 5, "0" * 64, 2, "2026-11-23", 20)
    return uploads.open(new_job, b"%PDF-").id


@pytest.fixture
def parse_resume(
    store: MongoWorkStore, leases: LeaseKeeper, parser: HeldParser, letters: Letters
) -> Callable[..., ParseResume]:
    never_stopping = threading.Event()

    def make(pause: Callable[[float], bool] = never_stopping.wait) -> ParseResume:
        return ParseResume(
            jobs=store,
            parser=parser,
            leases=leases,
            letters=letters,
            backoff=Backoff(min_s=60, max_s=3600),
            worker="test",
            pause=pause,
            on_claimed=lambda _claim: None,
        )

    return make


def expire_lease(database: Database[Any]) -> None:
    database["resume_parse_jobs"].update_one(
        {}, [{"$set": {"lease_until": {"$subtract": ["$$NOW", 1]}}}]
    )


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

        eventually(renewed_three_times, within_s=30, why="the lease is renewed")
    eventually(
        lambda: isinstance(store.claim(job_id, "two"), Claim), within_s=30, why="it runs out"
    )


def test_a_job_whose_attempts_all_died_is_given_up(
    parse_resume: Callable[..., ParseResume],
    store: MongoWorkStore,
    migrated: Database[Any],
    job_id: str,
) -> None:
    for worker in ("killed", "killed too"):
        assert isinstance(store.claim(job_id, worker), Claim)
        expire_lease(migrated)
    with pytest.raises(AttemptsExhaustedError):
        parse_resume().run(job_id)
    job = migrated["resume_parse_jobs"].find_one()
    assert job
    assert (job["status"], job["error_code"]) == ("failed", "attempts_exhausted")
    assert job["attempt"] == job["max_attempts"]
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


def the_job(database: Database[Any]) -> dict[str, Any]:
    return database["resume_parse_jobs"].find_one() or {}


def letter_is_late(database: Database[Any]) -> None:
    database["resume_parse_jobs"].update_one(
        {}, [{"$set": {"due_at": {"$subtract": ["$$NOW", 1]}}}]
    )


def make_due(database: Database[Any]) -> None:
    database["resume_parse_jobs"].update_one({}, {"$unset": {"next_retry_at": ""}})


def test_a_transient_failure_leaves_the_job_pending_until_its_attempts_are_used_up(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    parser.answer.set()
    parser.errors = [ParserUnavailableError(), ParserUnavailableError()]
    with pytest.raises(RunLaterError) as later:
        parse_resume().run(job_id)
    assert 60 <= later.value.delay_s <= 72
    assert (the_job(migrated)["status"], the_job(migrated)["attempt"]) == ("pending", 1)
    with pytest.raises(RunLaterError) as too_early:  # a duplicate of its record
        parse_resume().run(job_id)
    assert 30 < too_early.value.delay_s <= 72
    assert parser.calls == 1
    make_due(migrated)
    with pytest.raises(ParserUnavailableError):
        parse_resume().run(job_id)
    job = the_job(migrated)
    assert (job["status"], job["attempt"], job["dead_letter"]) == ("failed", 2, "due")
    assert parser.calls == 2


def test_a_replayed_job_waits_as_a_new_one_does(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    """Who replays after an outage would wait for minutes after one more failure."""
    parser.answer.set()
    parser.errors = [ParserUnavailableError() for _ in range(4)]
    with pytest.raises(RunLaterError):
        parse_resume().run(job_id)
    make_due(migrated)
    with pytest.raises(ParserUnavailableError):
        parse_resume().run(job_id)
    actions = MongoJobActions(migrated, max_attempts=3)
    assert isinstance(actions.act(OperationKind.REPLAY, job_id, Doing("ann")), Job)
    delays = []
    for _ in range(2):
        with pytest.raises(RunLaterError) as later:
            parse_resume().run(job_id)
        delays.append(later.value.delay_s)
        make_due(migrated)
    assert 60 <= delays[0] <= 72
    assert 300 <= delays[1] <= 360


def test_the_history_tells_where_an_attempt_failed(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    parser.answer.set()
    parser.errors = [ParserUnavailableError(), ParserRejectedError("Nguyễn's file is no PDF.")]
    with pytest.raises(RunLaterError):
        parse_resume().run(job_id)
    make_due(migrated)
    with pytest.raises(ParserRejectedError):
        parse_resume().run(job_id)
    ends = migrated["job_events"].find({"from": "processing"}, sort=[("rev", 1)])
    for event, error in zip(ends, ("Unavailable", "Rejected"), strict=True):
        first, *calls = event["trace"].splitlines()
        assert first == f"resumes.errors.Parser{error}Error"
        assert calls[0].startswith("  resumes/parse.py:")
        assert calls[-1].startswith("  tests/integration/tasks/test_attempts.py:")
        assert calls[-1].endswith(" in HeldParser.parse")
        assert "Nguyễn" not in event["trace"]


def test_what_the_parser_asks_for_is_granted(
    parse_resume: Callable[..., ParseResume], parser: HeldParser, job_id: str
) -> None:
    parser.answer.set()
    parser.errors = [ParserUnavailableError(retry_after_s=600)]
    with pytest.raises(RunLaterError) as later:
        parse_resume().run(job_id)
    assert later.value.delay_s >= 600


def test_attempts_that_met_an_open_breaker_do_not_count(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    parser.answer.set()
    parser.errors = [ParserUnavailableError(counts=False) for _ in range(4)]
    for _ in range(4):
        with pytest.raises(RunLaterError):
            parse_resume().run(job_id)
        make_due(migrated)
    assert parse_resume().run(job_id) is ParseOutcome.COMPLETED
    assert (the_job(migrated)["attempt"], the_job(migrated)["forgiven"]) == (5, 4)


def test_a_file_that_breaks_the_parser_is_not_forgiven_for_ever(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    parser.answer.set()
    migrated["resume_parse_jobs"].update_one({}, {"$set": {"attempt": 101, "forgiven": 100}})
    parser.errors = [ParserUnavailableError(counts=False)]
    with pytest.raises(ParserUnavailableError):
        parse_resume().run(job_id)
    assert the_job(migrated)["status"] == "failed"


def test_while_the_breaker_is_open_a_job_waits_unclaimed(
    parse_resume: Callable[..., ParseResume],
    parser: HeldParser,
    migrated: Database[Any],
    job_id: str,
) -> None:
    parser.closed_for = [5.0, 4.5]
    with pytest.raises(RunLaterError) as later:
        parse_resume(pause=lambda _seconds: False).run(job_id)
    assert 4.5 <= later.value.delay_s <= 14.5
    job = the_job(migrated)
    assert (job["status"], job["attempt"], parser.calls) == ("pending", 0, 0)
    assert job["next_retry_at"] == job["due_at"]


def test_a_breaker_that_closes_meanwhile_lets_the_job_run(
    parse_resume: Callable[..., ParseResume], parser: HeldParser, job_id: str
) -> None:
    parser.answer.set()
    parser.closed_for = [5.0]
    assert parse_resume(pause=lambda _seconds: False).run(job_id) is ParseOutcome.COMPLETED


def test_an_open_breaker_holds_back_no_job_that_has_ended(
    parse_resume: Callable[..., ParseResume], parser: HeldParser, job_id: str
) -> None:
    parser.answer.set()
    assert parse_resume().run(job_id) is ParseOutcome.COMPLETED
    parser.closed_for = [5.0, 4.5]
    assert parse_resume(pause=lambda _seconds: False).run(job_id) is ParseOutcome.SKIPPED


def test_a_letter_that_was_not_written_is_written_and_one_that_was_is_not(
    parse_resume: Callable[..., ParseResume],
    store: MongoWorkStore,
    letters: Letters,
    migrated: Database[Any],
    job_id: str,
) -> None:
    claim = store.claim(job_id, "killed before the letter")
    assert isinstance(claim, Claim)
    store.fail(claim, "parser_rejected", "No text.")
    with pytest.raises(RunLaterError):  # he may be about to write it
        parse_resume().run(job_id)
    letter_is_late(migrated)
    with pytest.raises(LetterMissingError, match="No text") as missing:
        parse_resume().run(job_id)
    assert missing.value.code == "parser_rejected"
    letters.job_ids.add(job_id)
    letter_is_late(migrated)
    assert parse_resume().run(job_id) is ParseOutcome.SKIPPED
    assert the_job(migrated)["dead_letter"] == "written"
    letters.job_ids.clear()
    assert parse_resume().run(job_id) is ParseOutcome.SKIPPED
