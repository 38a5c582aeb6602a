"""Guards what operators do to jobs: refused where it must be, done once whoever tries. MongoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pymongo.database import Database

from resumes.errors import ClaimLostError, JobInFlight, ResumeAlreadyExists
from resumes.job import Claim, Job, JobStatus, resume_id_of
from resumes.operating import OperationKind, Refusal
from resumes.operation_ports import Doing
from resumes.ports import ClaimMiss, NewJob
from store.closed_letters import MongoClosedLetters
from store.job_actions import MongoJobActions
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore

PDF = b"%PDF-1.7 ..."
RETENTION = timedelta(days=30)
ANN = Doing("ann", "after the outage")
REPLAY, RETRY_NOW, DISCARD = OperationKind.REPLAY, OperationKind.RETRY_NOW, OperationKind.DISCARD


def uploads_of(database: Database[Any], kind: Any = "mongo") -> MongoUploadStore:
    return MongoUploadStore(
        database, storage_kind=kind, answer_timeout=RETENTION, failed_file_retention=RETENTION
    )


def open_job(database: Database[Any], user_id: str, kind: Any = "mongo") -> str:
    new = NewJob(user_id, "resume.pdf", len(PDF), "0" * 64, 2, "2026-11-25", 20)
    return uploads_of(database, kind).open(new, PDF).id


@pytest.fixture
def work(migrated: Database[Any]) -> MongoWorkStore:
    return MongoWorkStore(migrated, lease=timedelta(seconds=30), failed_file_retention=RETENTION)


@pytest.fixture
def actions(migrated: Database[Any]) -> MongoJobActions:
    return MongoJobActions(migrated, max_attempts=5)


def fail(work: MongoWorkStore, job_id: str, letter_id: str | None = "0:3") -> None:
    claim = work.claim(job_id, "one")
    assert isinstance(claim, Claim)
    work.fail(claim, "parser_rejected", "No text.")
    if letter_id:
        work.note_letter(job_id, letter_id)


@pytest.fixture(params=["mongo", "inline"])
def failed(
    request: pytest.FixtureRequest, migrated: Database[Any], work: MongoWorkStore, user_id: str
) -> str:
    job_id = open_job(migrated, user_id, request.param)
    fail(work, job_id)
    return job_id


def document(database: Database[Any], job_id: str) -> dict[str, Any]:
    return database["resume_parse_jobs"].find_one({"_id": ObjectId(job_id)}) or {}


def last_event(database: Database[Any], job_id: str) -> dict[str, Any]:
    events = database["job_events"].find({"job_id": ObjectId(job_id)})
    event: dict[str, Any] = events.sort("rev", -1).limit(1).next()
    return event


def audited(database: Database[Any]) -> list[tuple[str, str, str, str]]:
    entries = database["operator_audit"].find().sort("_id", 1)
    return [(one["operator"], one["action"], one["target"], one["reason"]) for one in entries]


def test_a_replayed_job_is_as_new_but_for_its_count_and_its_history(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any], failed: str
) -> None:
    before = document(migrated, failed)
    assert isinstance(actions.act(REPLAY, failed, ANN), Job)
    job = document(migrated, failed)
    assert (job["status"], job["attempt"], job["max_attempts"]) == ("pending", 1, 1 + 5)
    assert (job["error_code"], job["error_message"], job["replays"]) == ("", "", 1)
    assert job["due_at"] <= job["updated_at"]
    assert job["restarted_at"] >= before["created_at"]
    gone = {"dead_letter", "letter_id", "file_expires_at", "next_retry_at", "discarded_at"}
    assert gone & job.keys() == set()
    assert "expires_at" not in (migrated["resume_files"].find_one() or {})
    event = last_event(migrated, failed)
    said = {name: event[name] for name in ("from", "to", "reason", "operator", "was_code")}
    assert said == {
        "from": "failed",
        "to": "pending",
        "reason": "replayed",
        "operator": "ann",
        "was_code": "parser_rejected",
    }
    assert event["operator_reason"] == "after the outage"
    assert MongoClosedLetters(migrated).page("", 10) == ["0:3"]
    assert audited(migrated) == [("ann", "job.replay", failed, "after the outage")]
    claim = work.claim(failed, "two")
    assert isinstance(claim, Claim)
    assert (claim.attempt, claim.counted, claim.is_last) == (2, 2, False)
    assert claim.counted - claim.counted_before == 1, "the first of the new life"
    work.complete(claim, resume_id_of(failed), {}, {})
    assert document(migrated, failed)["status"] == "completed"


def test_attempts_that_did_not_count_are_no_part_of_the_new_budget(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any], user_id: str
) -> None:
    job_id = open_job(migrated, user_id)
    forgiven = work.claim(job_id, "one")
    assert isinstance(forgiven, Claim)
    work.release(forgiven, "x", "y", delay_s=0, counts=False)
    fail(work, job_id)
    actions.act(REPLAY, job_id, ANN)
    job = document(migrated, job_id)
    assert (job["attempt"], job["forgiven"], job["max_attempts"]) == (2, 1, 1 + 5)
    assert job["counted_before"] == 1


def _has_resume(database: Database[Any], _job_id: str) -> None:
    database["user"].update_one({}, {"$set": {"resume": [{"_id": ObjectId()}]}})


def _file_gone(database: Database[Any], _job_id: str) -> None:
    database["resume_files"].delete_many({})
    database["resume_parse_jobs"].update_many({}, {"$unset": {"file_data": ""}})


def _in_flight(database: Database[Any], job_id: str) -> None:
    open_job(database, str(document(database, job_id)["user_id"]))


def _user_gone(database: Database[Any], _job_id: str) -> None:
    database["user"].delete_many({})


def _pending(database: Database[Any], job_id: str) -> None:
    MongoJobActions(database, max_attempts=5).act(REPLAY, job_id, Doing("bob"))


def _discarded(database: Database[Any], job_id: str) -> None:
    MongoJobActions(database, max_attempts=5).act(DISCARD, job_id, Doing("bob"))


def _cancelled(database: Database[Any], _job_id: str) -> None:
    database["resume_parse_jobs"].update_many({}, {"$set": {"error_code": "cancelled"}})


def _job_gone(database: Database[Any], _job_id: str) -> None:
    database["resume_parse_jobs"].delete_many({})


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        (_has_resume, Refusal.HAS_RESUME),
        (_file_gone, Refusal.FILE_GONE),
        (_in_flight, Refusal.IN_FLIGHT),
        (_user_gone, Refusal.USER_UNKNOWN),
        (_pending, Refusal.CHANGED),
        (_discarded, Refusal.DISCARDED),
        (_cancelled, Refusal.CANCELLED),
        (_job_gone, Refusal.UNKNOWN_JOB),
    ],
)
def test_a_replay_that_is_refused_changes_nothing(
    actions: MongoJobActions,
    migrated: Database[Any],
    failed: str,
    meanwhile: Any,
    refusal: Refusal,
) -> None:
    meanwhile(migrated, failed)
    before, noted = document(migrated, failed), audited(migrated)
    assert actions.act(REPLAY, failed, ANN) is refusal
    assert document(migrated, failed) == before
    assert audited(migrated) == noted


@pytest.mark.parametrize("job_id", ["", "x", "6" * 24, '{"$ne": null}'])
def test_what_names_no_job_is_refused(actions: MongoJobActions, job_id: str) -> None:
    assert actions.act(REPLAY, job_id, ANN) is Refusal.UNKNOWN_JOB


def test_of_many_replays_at_once_one_wins(
    actions: MongoJobActions, migrated: Database[Any], failed: str
) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: actions.act(REPLAY, failed, ANN), range(6)))
    assert sorted(str(one) for one in done if isinstance(one, Refusal)) == ["changed_meanwhile"] * 5
    assert document(migrated, failed)["replays"] == 1
    assert migrated["operator_audit"].count_documents({}) == 1


def test_a_replay_and_an_upload_at_once_leave_one_job_in_flight(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any]
) -> None:
    for _ in range(10):
        user_id = str(migrated["user"].insert_one({"resume": None}).inserted_id)
        job_id = open_job(migrated, user_id)
        fail(work, job_id)

        def upload(user_id: str = user_id) -> str:
            try:
                return open_job(migrated, user_id)
            except JobInFlight:
                return ""

        with ThreadPoolExecutor(2) as pool:
            uploading = pool.submit(upload)
            replaying = pool.submit(actions.act, REPLAY, job_id, ANN)
            outcomes = (bool(uploading.result()), isinstance(replaying.result(), Job))
        assert sorted(outcomes) == [False, True]
        unfinished = {"user_id": ObjectId(user_id), "status": "pending"}
        assert migrated["resume_parse_jobs"].count_documents(unfinished) == 1


def test_a_discarded_job_stays_failed_without_its_file(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any], failed: str
) -> None:
    assert isinstance(actions.act(DISCARD, failed, ANN), Job)
    job = document(migrated, failed)
    assert (job["status"], job["error_code"]) == ("failed", "parser_rejected")
    assert job["discarded_at"] <= datetime.now(UTC) + timedelta(minutes=1)
    assert work.load_file(failed) is None
    event = last_event(migrated, failed)
    assert (event["from"], event["to"], event["reason"]) == ("failed", "failed", "discarded")
    assert MongoClosedLetters(migrated).page("", 10) == ["0:3"]
    assert actions.act(DISCARD, failed, ANN) is Refusal.DISCARDED
    assert work.claim(failed, "late record") is ClaimMiss.FINISHED


def waiting_job(database: Database[Any], work: MongoWorkStore, user_id: str) -> str:
    job_id = open_job(database, user_id)
    claim = work.claim(job_id, "one")
    assert isinstance(claim, Claim)
    work.release(claim, "parser_unavailable", "Later.", delay_s=600, counts=True)
    return job_id


def test_a_waiting_job_is_tried_now_and_its_late_record_does_nothing(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any], user_id: str
) -> None:
    job_id = waiting_job(migrated, work, user_id)
    assert isinstance(actions.act(RETRY_NOW, job_id, ANN), Job)
    event = last_event(migrated, job_id)
    assert (event["reason"], event["was_retrying"], event.get("retry_at")) == (
        "retried_now",
        True,
        None,
    )
    assert actions.act(RETRY_NOW, job_id, ANN) is Refusal.CHANGED
    claim = work.claim(job_id, "two")
    assert isinstance(claim, Claim)
    work.complete(claim, resume_id_of(job_id), {}, {})
    assert work.claim(job_id, "the record that waited on Kafka") is ClaimMiss.FINISHED


def test_a_letter_that_comes_after_the_replay_is_closed_at_once(
    actions: MongoJobActions, work: MongoWorkStore, migrated: Database[Any], user_id: str
) -> None:
    job_id = open_job(migrated, user_id)
    fail(work, job_id, letter_id=None)
    assert isinstance(actions.act(REPLAY, job_id, ANN), Job)
    work.note_letter(job_id, "0:9")
    assert MongoClosedLetters(migrated).page("", 10) == ["0:9"]
    assert "letter_id" not in document(migrated, job_id)


def test_a_letter_noted_twice_stays_open(
    work: MongoWorkStore, migrated: Database[Any], failed: str
) -> None:
    work.note_letter(failed, "0:3")
    assert MongoClosedLetters(migrated).page("", 10) == []
    assert document(migrated, failed)["letter_id"] == "0:3"


class Lives(RuleBasedStateMachine):
    """Workers, uploads and operators at one user's jobs, in any order."""

    databases: ClassVar[list[Database[Any]]] = []

    def __init__(self) -> None:
        super().__init__()
        [self.database] = self.databases
        self.work = MongoWorkStore(
            self.database, lease=timedelta(seconds=30), failed_file_retention=RETENTION
        )
        self.actions = MongoJobActions(self.database, max_attempts=2)
        self.user_id = str(self.database["user"].insert_one({"resume": None}).inserted_id)
        self.job_ids: list[str] = []
        self.claims: list[Claim] = []
        self.upload()

    @rule()
    def upload(self) -> None:
        with suppress(JobInFlight, ResumeAlreadyExists):
            self.job_ids.append(open_job(self.database, self.user_id))

    @rule(data=st.data(), end=st.sampled_from(["complete", "fail", "release"]))
    def run(self, data: st.DataObject, end: str) -> None:
        job_id = data.draw(st.sampled_from(self.job_ids))
        claim = self.work.claim(job_id, "one")
        if isinstance(claim, Claim):
            self.claims.append(claim)
        if not self.claims:
            return
        claim = data.draw(st.sampled_from(self.claims))
        with suppress(ClaimLostError):
            if end == "complete":
                self.work.complete(claim, resume_id_of(claim.job_id), {}, {})
            elif end == "fail":
                self.work.fail(claim, "x", "y")
                self.work.note_letter(claim.job_id, f"0:{len(self.claims)}")
            else:
                self.work.release(claim, "x", "y", delay_s=600, counts=True)

    @rule(data=st.data(), kind=st.sampled_from(OperationKind))
    def act(self, data: st.DataObject, kind: OperationKind) -> None:
        job_id = data.draw(st.sampled_from(self.job_ids))
        before = document(self.database, job_id)
        done = self.actions.act(kind, job_id, ANN)
        after = document(self.database, job_id)
        assert (after == before) is isinstance(done, Refusal)
        assert kind is not REPLAY or before["status"] != "completed" or isinstance(done, Refusal)

    @invariant()
    def one_resume_one_job_in_flight_and_a_gapless_history(self) -> None:
        jobs = list(self.database["resume_parse_jobs"].find({"user_id": ObjectId(self.user_id)}))
        user = self.database["user"].find_one({"_id": ObjectId(self.user_id)}) or {}
        completed = [job for job in jobs if job["status"] == "completed"]
        assert len(user["resume"] or []) == len(completed) <= 1
        assert sum(not JobStatus(job["status"]).is_terminal for job in jobs) <= 1
        for job in jobs:
            events = self.database["job_events"].find({"job_id": job["_id"]}).sort("rev", 1)
            revs = [event["rev"] for event in events]
            assert revs == list(range(1, job["rev"] + 1))


@pytest.fixture
def lives(migrated: Database[Any]) -> Iterator[type[Lives]]:
    Lives.databases.append(migrated)
    yield Lives
    Lives.databases.clear()


def test_no_order_of_operators_and_workers_breaks_a_job(lives: type[Lives]) -> None:
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=20,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
