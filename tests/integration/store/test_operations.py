"""Guards bulk operations: each job once, whatever dies, stops or comes twice. Real MongoDB."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.breaker import BreakerState
from resumes.errors import PublishFailedError, QueueUnavailableError, RunLaterError
from resumes.job import Claim, Job, resume_id_of
from resumes.job_filter import FilterError, JobFilter, JobState
from resumes.operating import (
    NewOperation,
    Operation,
    OperationKind,
    OperationStatus,
    Refusal,
)
from resumes.operation_ports import Doing, Turn
from resumes.operations import Operations
from resumes.ports import NewJob
from resumes.run_operation import RunOperation
from resumes.upkeep import ResendOperations
from store.audit import MongoAudit
from store.job_actions import MongoJobActions
from store.operation_runs import MongoOperationRuns
from store.operations import MongoOperations
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."
RETENTION = timedelta(days=30)
FAILED = JobFilter(state=JobState.FAILED)


@dataclass
class Queue:
    """Both queues: what was published, and the turns that are under way."""

    published: list[str] = field(default_factory=list)
    turns: list[tuple[str, int]] = field(default_factory=list)
    #: Raised by the publish of that number, counted from 0.
    breaks_at: int = -1
    error: type[BaseException] = PublishFailedError

    def publish(self, job: Job, traceparent: str) -> None:
        assert traceparent == ""
        if len(self.published) == self.breaks_at:
            self.breaks_at = -1
            raise self.error
        self.published.append(job.id)

    def send(self, operation_id: str, turn: int, *, delay_s: float = 0) -> None:
        assert delay_s >= 0
        self.turns.append((operation_id, turn))

    def handled_until(self) -> datetime | None:
        return None


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=timedelta(seconds=30), failed_file_retention=RETENTION)


@pytest.fixture
def fail_jobs(migrated: Database[Any], work: MongoWorkStore) -> Callable[..., list[str]]:
    uploads = MongoUploadStore(
        migrated, storage_kind="mongo", answer_timeout=RETENTION, failed_file_retention=RETENTION
    )

    def make(count: int, user_id: str | None = None) -> list[str]:
        job_ids = []
        for _ in range(count):
            owner = user_id or str(migrated["user"].insert_one({"resume": None}).inserted_id)
            new = NewJob(owner, "resume.pdf", len(PDF), "0" * 64, 1, "2026-11-25", 99)
            job_id = uploads.open(new, PDF).id
            claim = work.claim(job_id, "one")
            assert isinstance(claim, Claim)
            work.fail(claim, "parser_unavailable", "Away.")
            job_ids.append(job_id)
        return job_ids[::-1]  # the newest first, as operations go

    return make


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def operations(migrated: Database[Any], queue: Queue) -> Operations:
    return Operations(MongoOperations(migrated), queue)


@pytest.fixture
def runs(migrated: Database[Any]) -> MongoOperationRuns:
    return MongoOperationRuns(migrated)


@pytest.fixture
def make_runner(migrated: Database[Any], queue: Queue) -> Callable[..., RunOperation]:
    never = threading.Event()

    def make(**changes: Any) -> RunOperation:
        parts: dict[str, Any] = {
            "operations": MongoOperationRuns(migrated),
            "jobs": MongoJobActions(migrated, max_attempts=5),
            "queue": queue,
            "is_queue_reachable": lambda: True,
            "breaker": BreakerState,
            "breaker_pause_s": 10.0,
            "pause": never.wait,
        }
        return RunOperation(**{**parts, **changes})

    return make


def new(kind: OperationKind = OperationKind.REPLAY, **values: Any) -> NewOperation:
    return NewOperation(kind, **{"wanted": FAILED, "operator": "ann", "per_second": 999, **values})


def run(runner: RunOperation, operation: Operation) -> Operation:
    """Run slices until there is nothing to go on with."""
    turn: Turn | None = Turn(0, 0)
    while turn is not None:
        turn = runner.run(operation.id, turn.number)
    return operation


def die(database: Database[Any]) -> None:
    """Let the lease of whoever died run out."""
    database["operations"].update_many(
        {}, [{"$set": {"lease_until": {"$subtract": ["$$NOW", 1]}, "due_at": "$created_at"}}]
    )


def spoil(database: Database[Any], job_ids: list[str]) -> None:
    """Make three of the jobs ineligible."""
    for job_id in job_ids[:2]:
        job = database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) or {}
        resume = {"$set": {"resume": [{"_id": ObjectId()}]}}
        database["user"].update_one({"_id": job["user_id"]}, resume)
    database["resume_files"].delete_one({"_id": ObjectId(job_ids[2])})


SPOILT = {"already_has_resume": 2, "file_gone": 1}


def test_a_dry_run_says_what_the_replay_then_does(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    migrated: Database[Any],
) -> None:
    job_ids = fail_jobs(12)
    spoil(migrated, job_ids)
    before = list(migrated["resume_parse_jobs"].find())
    dry = operations.start(new(is_dry_run=True))
    assert (dry.status, dry.total) == (OperationStatus.QUEUED, 12)
    run(make_runner(), dry)
    seen = operations.get(dry.id)
    assert seen is not None
    assert (seen.status, seen.done, seen.refused) == (OperationStatus.DONE, 9, 3)
    assert seen.refusals == SPOILT
    assert list(migrated["resume_parse_jobs"].find()) == before
    assert MongoAudit(migrated).entries(cursor=None, limit=10) == ([], None)
    assert queue.published == []
    real = run(make_runner(), operations.start(new(after_dry_run=dry.id, reason="outage")))
    ended = operations.get(real.id)
    assert ended is not None
    assert (ended.status, ended.done, ended.refused) == (OperationStatus.DONE, 9, 3)
    assert ended.refusals == SPOILT
    assert sorted(queue.published) == sorted(job_ids[3:])
    items, cursor = operations.items(real.id, only_refused=False, cursor=None, limit=100)
    assert [item.job_id for item in items] == job_ids
    assert cursor is None
    refused, _ = operations.items(real.id, only_refused=True, cursor=None, limit=100)
    assert [item.job_id for item in refused] == job_ids[:3]


def test_of_a_users_failed_jobs_the_newest_is_replayed_and_a_dry_run_says_so(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    user_id: str,
) -> None:
    newest, *_ = fail_jobs(3, user_id)
    counts = []
    for is_dry_run in (True, False):
        started = run(make_runner(), operations.start(new(is_dry_run=is_dry_run)))
        ended = operations.get(started.id)
        assert ended is not None
        counts.append((ended.done, dict(ended.refusals)))
    assert counts == [(1, {"newer_upload": 2})] * 2
    assert queue.published == [newest]


def test_an_older_job_is_replayed_where_the_newest_can_not_be(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    migrated: Database[Any],
    user_id: str,
) -> None:
    newest, older, _ = fail_jobs(3, user_id)
    migrated["resume_files"].delete_one({"_id": ObjectId(newest)})
    for is_dry_run in (True, False):
        started = run(make_runner(), operations.start(new(is_dry_run=is_dry_run)))
        ended = operations.get(started.id)
        assert ended is not None
        assert (ended.done, ended.refusals) == (1, {"file_gone": 1, "newer_upload": 1})
    assert queue.published == [older]


def test_a_newer_upload_that_the_operation_completed_is_the_reason_still(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    work: MongoWorkStore,
    user_id: str,
) -> None:
    """At one job a slice the newest is through before the older one's turn comes."""
    newest, _ = fail_jobs(2, user_id)
    started = operations.start(new(per_second=0.5))
    turn = make_runner().run(started.id, 0)
    assert turn is not None
    claim = work.claim(newest, "two")
    assert isinstance(claim, Claim)
    work.complete(claim, resume_id_of(newest), {}, {})
    while turn is not None:
        turn = make_runner().run(started.id, turn.number)
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.done, ended.refusals) == (1, {"newer_upload": 1})


def bare_job() -> dict[str, Any]:
    """A failed job, to be stored thousands of times: without an id and a user."""
    now = datetime.now(UTC)
    return {
        **dict.fromkeys(("file_name", "sha256", "error_message"), "x"),
        "status": "failed",
        "rev": 1,
        "attempt": 1,
        "max_attempts": 1,
        "size": 1,
        "error_code": "x",
        "created_at": now,
        "updated_at": now,
    }


def test_a_dry_run_knows_the_users_of_jobs_that_it_saw_long_before(
    operations: Operations, make_runner: Callable[..., RunOperation], migrated: Database[Any]
) -> None:
    job = bare_job()
    # More than are looked at together.
    users = migrated["user"].insert_many({"resume": None} for _ in range(600)).inserted_ids
    owners = [*users, users[0]]
    inserted = migrated["resume_parse_jobs"].insert_many({**job, "user_id": u} for u in owners)
    migrated["resume_files"].insert_many(
        {"_id": job_id, "data": PDF} for job_id in inserted.inserted_ids
    )
    started = run(make_runner(), operations.start(new(is_dry_run=True)))
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.done, ended.refusals) == (600, {"newer_upload": 1})


def test_the_report_comes_in_pages(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
) -> None:
    job_ids = fail_jobs(5)
    operation = run(make_runner(), operations.start(new(is_dry_run=True)))
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page, cursor = operations.items(operation.id, only_refused=False, cursor=cursor, limit=2)
        seen += [item.job_id for item in page]
    assert (seen, cursor) == (job_ids, None)


def test_jobs_that_fail_later_are_none_of_its(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    job_ids = fail_jobs(2)
    started = operations.start(new())
    fail_jobs(2)
    run(make_runner(), started)
    assert queue.published == job_ids


def test_jobs_that_changed_between_count_and_list_are_reported(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    migrated: Database[Any],
) -> None:
    job_ids = fail_jobs(3)
    started = operations.start(new())
    MongoJobActions(migrated, max_attempts=5).act(OperationKind.REPLAY, job_ids[1], Doing("bob"))
    run(make_runner(), started)
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.total, ended.done, ended.refusals) == (3, 2, {"changed_meanwhile": 1})


def test_named_jobs_have_their_reason_whatever_their_state(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    work: MongoWorkStore,
) -> None:
    job_ids = fail_jobs(2)
    actions_on = JobFilter(job_ids=frozenset(job_ids))
    run(make_runner(), operations.start(new(wanted=JobFilter(job_ids=frozenset(job_ids[:1])))))
    claim = work.claim(job_ids[0], "two")
    assert isinstance(claim, Claim)
    work.complete(claim, resume_id_of(job_ids[0]), {}, {})
    second = run(make_runner(), operations.start(new(wanted=actions_on)))
    ended = operations.get(second.id)
    assert ended is not None
    assert (ended.done, ended.refusals) == (1, {"changed_meanwhile": 1})


@pytest.mark.parametrize("asked", [{"max_count": 2}, {"wanted": JobFilter(), "max_count": 2}])
def test_at_most_so_many_are_gone_through(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    asked: dict[str, Any],
) -> None:
    job_ids = fail_jobs(4)
    started = operations.start(new(**asked))
    assert started.total == 2
    run(make_runner(), started)
    assert queue.published == job_ids[:2]


def test_a_request_that_comes_twice_is_one_operation(
    operations: Operations, fail_jobs: Callable[..., list[str]], queue: Queue
) -> None:
    fail_jobs(1)
    first = operations.start(new(), request_id="r1")
    assert operations.start(new(), request_id="r1") == first
    assert operations.start(new(operator="bob"), request_id="r1").id != first.id
    assert operations.start(new(), request_id="r2").id != first.id
    assert len(queue.turns) == 3


def test_a_slice_that_dies_is_gone_on_with_and_nothing_is_doubled(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    migrated: Database[Any],
) -> None:
    job_ids = fail_jobs(9)
    spoil(migrated, job_ids)
    started = operations.start(new())
    queue.breaks_at, queue.error = 3, KeyboardInterrupt  # what no handler of ours catches
    with pytest.raises(KeyboardInterrupt):
        make_runner().run(started.id, 0)
    with pytest.raises(RunLaterError):  # its record comes again; who has it may be alive
        make_runner().run(started.id, 0)
    die(migrated)
    run(make_runner(), started)
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.status, ended.done, ended.refused) == (OperationStatus.DONE, 6, 3)
    # The one that was not published is due, so the rescuer finds it.
    assert len(queue.published) == len(set(queue.published)) == 5
    jobs = migrated["resume_parse_jobs"]
    assert jobs.count_documents({"status": "pending", "replays": 1}) == 6
    assert jobs.count_documents({"status": "pending", "due_at": {"$exists": False}}) == 0


def test_two_runners_at_once_do_each_job_once(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    runs: MongoOperationRuns,
    migrated: Database[Any],
) -> None:
    """A frozen worker comes back when another has taken its operation over."""
    job_ids = fail_jobs(6)
    started = operations.start(new())
    thawed = threading.Event()

    def freeze() -> BreakerState:
        if not thawed.is_set():
            thawed.set()
            die(migrated)
            run(make_runner(), started)
        return BreakerState()

    assert make_runner(breaker=freeze).run(started.id, 0) is None
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.status, ended.done, ended.refused) == (OperationStatus.DONE, 6, 0)
    assert queue.published == job_ids
    assert runs.take(started.id, 0) is None


def test_what_an_operation_did_to_a_job_it_does_not_do_again(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    work: MongoWorkStore,
    runs: MongoOperationRuns,
    migrated: Database[Any],
) -> None:
    """A worker that was frozen before it acted; meanwhile the job was replayed and failed again."""
    [job_id] = fail_jobs(1)
    started = run(make_runner(), operations.start(new()))
    claim = work.claim(job_id, "two")
    assert isinstance(claim, Claim)
    work.fail(claim, "parser_unavailable", "Away again.")
    late = Doing("ann", operation_id=started.id)
    actions = MongoJobActions(migrated, max_attempts=5)
    assert actions.act(OperationKind.REPLAY, job_id, late) is None
    job = migrated["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) or {}
    assert (job["status"], job["replays"]) == ("failed", 1)
    runs.note(started.id, {job_id: Refusal.FILE_GONE})
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.done, ended.refused) == (1, 0)


def test_a_record_of_an_earlier_turn_does_nothing(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    fail_jobs(2)
    started = operations.start(new(per_second=0.5))
    turn = make_runner().run(started.id, 0)
    assert turn is not None
    assert turn.number == 1
    assert 1 < turn.delay_s <= 2
    assert make_runner().run(started.id, 0) is None
    assert len(queue.published) == 1


def test_it_stops_at_once_where_nobody_runs_it(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    fail_jobs(2)
    started = operations.start(new())
    stopped = operations.stop(started.id, "bob")
    assert stopped is not None
    assert (stopped.status, stopped.ended_at is None) == (OperationStatus.STOPPED, False)
    assert make_runner().run(started.id, 0) is None
    assert queue.published == []
    assert operations.stop(started.id, "bob") == stopped
    assert operations.stop("6" * 24, "bob") is None


def test_it_stops_after_a_look_where_somebody_runs_it(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    migrated: Database[Any],
) -> None:
    fail_jobs(8)
    started = operations.start(new(per_second=3))
    statuses = []

    def stop_in_the_middle(seconds: float) -> bool:
        assert seconds < 1
        if len(queue.published) == 2:
            stopping = operations.stop(started.id, "bob")
            assert stopping is not None
            statuses.append(stopping.status)
        return False

    # A second passes by each look at this clock's hand, so that looks come.
    ticks = iter(0.2 * tick for tick in range(10_000))
    runner = make_runner(pause=stop_in_the_middle, clock=lambda: next(ticks))
    assert runner.run(started.id, 0) is None
    ended = operations.get(started.id)
    assert ended is not None
    assert statuses[0] is OperationStatus.STOPPING
    assert (ended.status, ended.done) == (OperationStatus.STOPPED, len(queue.published))
    assert 2 <= ended.done < 8
    actions = [one.action for one in MongoAudit(migrated).entries(cursor=None, limit=9)[0]]
    assert actions == [
        "operation.replay.ended",
        "operation.replay.stopped",
        "operation.replay.started",
    ]


def test_an_open_breaker_is_waited_for_and_then_tried_with_one_job(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    fail_jobs(5)
    started = operations.start(new())
    state = BreakerState("open", failures=5, age_s=3.0)
    runner = make_runner(breaker=lambda: state)
    turn = runner.run(started.id, 0)
    waits = operations.get(started.id)
    assert waits is not None
    assert (waits.waits_for, queue.published) == ("breaker_open", [])
    state = BreakerState("open", failures=5, age_s=11.0)
    assert turn is not None
    turn = runner.run(started.id, turn.number)
    assert len(queue.published) == 1
    state = BreakerState("half-open", probe_s=5.0)
    assert turn is not None
    turn = runner.run(started.id, turn.number)
    assert len(queue.published) == 1
    state = BreakerState("closed", age_s=1.0)
    assert turn is not None
    assert runner.run(started.id, turn.number) is None
    assert len(queue.published) == 5
    ended = operations.get(started.id)
    assert ended is not None
    assert ended.waits_for == ""


def test_a_discard_waits_for_nobody(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    fail_jobs(2)
    runner = make_runner(breaker=lambda: BreakerState("open"), is_queue_reachable=lambda: False)
    started = run(runner, operations.start(new(OperationKind.DISCARD)))
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.done, queue.published) == (2, [])


def test_without_the_queue_it_waits_for_the_same_record(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
) -> None:
    fail_jobs(3)
    started = operations.start(new())
    with pytest.raises(QueueUnavailableError):
        make_runner(is_queue_reachable=lambda: False).run(started.id, 0)
    queue.breaks_at = 1
    with pytest.raises(QueueUnavailableError):
        make_runner().run(started.id, 0)
    waits = operations.get(started.id)
    assert waits is not None
    assert (waits.waits_for, waits.done) == ("queue_unavailable", 2)
    run(make_runner(), started)
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.status, ended.done) == (OperationStatus.DONE, 3)


def test_a_lost_record_is_sent_again(
    operations: Operations,
    runs: MongoOperationRuns,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    queue: Queue,
    migrated: Database[Any],
) -> None:
    fail_jobs(1)
    started = operations.start(new())
    resend = ResendOperations(runs, queue, grace_s=45)
    assert resend.run_once() == 0
    old = {"$set": {"due_at": datetime.now(UTC) - timedelta(seconds=60)}}
    migrated["operations"].update_many({}, old)
    assert resend.run_once() == 1
    assert resend.run_once() == 0, "it has its time again"
    assert queue.turns == [(started.id, 0)] * 2
    run(make_runner(), started)
    assert "due_at" not in (migrated["operations"].find_one() or {})


@pytest.mark.parametrize(
    "asked",
    [
        {"per_second": 0},
        {"per_second": float("nan")},
        {"per_second": 1e9},
        {"max_count": 0},
        {"wanted": JobFilter(state=JobState.COMPLETED)},
        {"kind": OperationKind.RETRY_NOW, "wanted": FAILED},
    ],
)
def test_what_makes_no_sense_is_refused(operations: Operations, asked: dict[str, Any]) -> None:
    kind = asked.pop("kind", OperationKind.REPLAY)
    with pytest.raises(FilterError):
        operations.start(new(kind, **asked))


def test_the_audit_says_who_did_what_to_how_many(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    fail_jobs: Callable[..., list[str]],
    migrated: Database[Any],
) -> None:
    spoil(migrated, fail_jobs(4))
    wanted = JobFilter(state=JobState.FAILED, error_code="parser_unavailable")
    started = run(make_runner(), operations.start(new(wanted=wanted, reason="outage")))
    audit = MongoAudit(migrated)
    [ended], cursor = audit.entries(cursor=None, limit=1)
    [begun], end = audit.entries(cursor=cursor, limit=1)
    assert end is None
    assert (begun.action, ended.action) == (
        "operation.replay.started",
        "operation.replay.ended",
    )
    assert (begun.operator, begun.target, begun.reason) == (
        "ann",
        "all failed jobs with the error parser_unavailable",
        "outage",
    )
    assert begun.details["total"] == 4
    assert ended.details["operation_id"] == started.id
    counts = {name: ended.details[name] for name in ("done", "refused", "refusals")}
    assert counts == {"done": 1, "refused": 3, "refusals": SPOILT}


def test_a_big_operation_is_listed_in_several_steps(
    operations: Operations,
    make_runner: Callable[..., RunOperation],
    migrated: Database[Any],
) -> None:
    job = bare_job() | {"user_id": ObjectId()}
    migrated["resume_parse_jobs"].insert_many({**job} for _ in range(20_001))
    started = operations.start(new(is_dry_run=True))
    assert started.total == 20_001
    run(make_runner(), started)
    ended = operations.get(started.id)
    assert ended is not None
    assert (ended.done, ended.refusals) == (0, {str(Refusal.FILE_GONE): 20_001})
