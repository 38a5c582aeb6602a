"""Guards what operators are shown: every filter, page by page, by an index. Real MongoDB."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from migrations.runner import Migrations
from resumes.errors import StoreUnavailableError
from resumes.job import Claim, resume_id_of
from resumes.job_filter import FilterError, FilterTooBroadError, JobFilter, JobState
from resumes.operating import RecordPlace
from resumes.ports import JobRecord, NewJob
from store.admin_reads import MongoAdminReads
from store.uploads import MongoUploadStore
from store.work import MongoWorkStore
from tests.integration.realtime.failures import failing

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CODES = ["parser_unavailable", "parser_rejected", "file_lost"]
MESSAGES = ["The Parser is away.", "50% (fifty) of it\\was [lost]", "Không đọc được: ĐỌC"]
USERS = [ObjectId(), ObjectId()]


def job(number: int, **changes: Any) -> dict[str, Any]:
    created_at = NOW - timedelta(minutes=number)
    document = {
        "_id": ObjectId(),
        "user_id": ObjectId(),
        "file_name": f"{number}.pdf",
        "status": "completed",
        "rev": 3,
        "attempt": 1,
        "max_attempts": 5,
        "size": 5,
        "sha256": "0" * 64,
        "worker": "host:1",
        "error_code": "",
        "error_message": "",
        "created_at": created_at,
        "updated_at": created_at + timedelta(seconds=30),
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine may take longer than an operator's page may; the limit has its own test."""
    monkeypatch.setattr("store.admin_reads._MAX_SEARCH_S", 60)


@pytest.fixture
def reads(migrated: Database[Any]) -> MongoAdminReads:
    return MongoAdminReads(migrated)


# --- every filter means what it says --------------------------------------------------------

failing_jobs = st.fixed_dictionaries(
    {
        "status": st.just("failed"),
        "error_code": st.sampled_from([*CODES, "cancelled"]),
        "error_message": st.sampled_from(MESSAGES),
        "discarded_at": st.none() | st.just(NOW),
    }
)
waiting_jobs = st.fixed_dictionaries(
    {
        "status": st.just("pending"),
        "next_retry_at": st.sampled_from([None, NOW - DAY, NOW + DAY]),
        "error_code": st.sampled_from(["", *CODES]),
        "error_message": st.sampled_from(MESSAGES),
    }
)
other_jobs = st.fixed_dictionaries({"status": st.sampled_from(["processing", "completed"])})
all_jobs = st.builds(
    lambda kind, common: {**kind, **common},
    failing_jobs | waiting_jobs | other_jobs,
    st.fixed_dictionaries(
        {
            # Many at the same moment.
            "created_at": st.integers(0, 5).map(lambda hours: NOW - timedelta(hours=hours)),
            "attempt": st.integers(0, 5),
            "user_id": st.sampled_from([*USERS, None]).map(lambda user: user or ObjectId()),
        }
    ),
)
moments = st.integers(-1, 6).map(lambda hours: NOW - timedelta(hours=hours))
conditions = {
    "state": st.sampled_from(JobState),
    "error_code": st.sampled_from([*CODES, "cancelled", "none"]),
    "error_text": st.sampled_from(["parser", "IS", "50% (", "it\\was [", "đọc", "."]),
    "user_id": st.sampled_from([*map(str, USERS)]),
    "since": moments,
    "until": moments,
    "min_attempts": st.sampled_from([1, 2, 4]),
}
# Few at a time, or no job would be left to be seen.
filters = st.sets(st.sampled_from(sorted(conditions)), max_size=3).flatmap(
    lambda names: st.builds(JobFilter, **{name: conditions[name] for name in sorted(names)})
)


def is_meant(wanted: JobFilter, document: dict[str, Any]) -> bool:
    """Say it once more, without a database."""
    state = document["status"]
    if document.get("discarded_at"):
        state = "discarded"
    if state == "failed" and document["error_code"] == "cancelled":
        state = "cancelled"
    if state == "pending" and (document.get("next_retry_at") or NOW) > datetime.now(UTC):
        state = "retrying"
    code, message = document.get("error_code", ""), document.get("error_message", "")
    conditions = [
        not wanted.state or state == wanted.state,
        not wanted.error_code or code == wanted.error_code,
        not wanted.error_text or (code and wanted.error_text.lower() in message.lower()),
        not wanted.user_id or str(document["user_id"]) == wanted.user_id,
        not wanted.since or document["created_at"] >= wanted.since,
        not wanted.until or document["created_at"] < wanted.until,
        not wanted.min_attempts or document["attempt"] >= wanted.min_attempts,
        not wanted.job_ids or str(document["_id"]) in wanted.job_ids,
    ]
    return all(conditions)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(all_jobs, max_size=25), st.lists(filters, min_size=4, max_size=4), st.data())
def test_pages_hold_the_jobs_that_are_meant_newest_first(
    migrated: Database[Any],
    drawn: list[dict[str, Any]],
    wanted_ones: list[JobFilter],
    data: st.DataObject,
) -> None:
    documents = [job(number, **changes) for number, changes in enumerate(drawn)]
    one_unfinished_per_user(documents)
    migrated["resume_parse_jobs"].delete_many({})
    if documents:
        migrated["resume_parse_jobs"].insert_many(documents)
        some = data.draw(st.sets(st.sampled_from([str(one["_id"]) for one in documents])))
        wanted_ones = [JobFilter(), JobFilter(job_ids=frozenset(some)), *wanted_ones]
    reads = MongoAdminReads(migrated)
    for wanted in wanted_ones:
        pages = list(all_pages(reads, wanted, limit=4))
        assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)
        listed = [one for page in pages for one in page]
        meant = {str(one["_id"]) for one in documents if is_meant(wanted, one)}
        assert sorted(one.job.id for one in listed) == sorted(meant), wanted
        order = [
            one.job.id if wanted.job_ids else (one.job.created_at, one.job.id) for one in listed
        ]
        assert order == sorted(order, reverse=True)
        assert not wanted.state or {one.state for one in listed} <= {wanted.state}
        assert list(reads.export(wanted)) == listed


def one_unfinished_per_user(documents: list[dict[str, Any]]) -> None:
    users = set()
    for document in documents:
        if document["status"] in {"pending", "processing"}:
            if document["user_id"] in users:
                document["user_id"] = ObjectId()
            users.add(document["user_id"])


def all_pages(reads: MongoAdminReads, wanted: JobFilter, limit: int) -> Iterator[list[Any]]:
    page = reads.jobs(wanted, limit=limit)
    yield page.jobs
    while page.next_cursor:
        page = reads.jobs(wanted, cursor=page.next_cursor, limit=limit)
        assert page.jobs
        yield page.jobs


def test_jobs_that_come_meanwhile_move_no_page(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    migrated["resume_parse_jobs"].insert_many([job(number) for number in range(4)])
    first = reads.jobs(JobFilter(), limit=2)
    migrated["resume_parse_jobs"].insert_one(job(-1))
    second = reads.jobs(JobFilter(), cursor=first.next_cursor, limit=2)
    assert [one.job.file_name for one in second.jobs] == ["2.pdf", "3.pdf"]
    assert second.next_cursor is None


def test_a_row_says_what_an_operator_looks_for(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    migrated["resume_parse_jobs"].insert_one(
        job(1, status="failed", error_code="x", error_message="No.", replays=2, file_data=b"%PDF-")
    )
    [row] = reads.jobs(JobFilter()).jobs
    assert (row.state, row.worker, row.replays) == (JobState.FAILED, "host:1", 2)
    assert (row.job.error_code, row.job.error_message) == ("x", "No.")


@pytest.mark.parametrize("cursor", ["", "x", "1", "-", f"1-{'g' * 24}", f"{'9' * 15}-{'a' * 24}"])
def test_a_cursor_that_is_none_is_refused(reads: MongoAdminReads, cursor: str) -> None:
    with pytest.raises(FilterError, match="cursor"):
        reads.jobs(JobFilter(), cursor=cursor)


# --- every list walks an index --------------------------------------------------------------


_OF_THE_SESSION = {"lsid", "$clusterTime", "$db", "$readPreference", "txnNumber", "maxTimeMS"}


class Finds(pymongo.monitoring.CommandListener):
    """The `find` commands that a client has sent, and what it looked up before them."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.lookups: list[dict[str, Any]] = []

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.commands.append(dict(event.command))
        elif event.command_name == "aggregate":
            self.lookups.append(dict(event.command))

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture
def finds() -> Finds:
    return Finds()


@pytest.fixture
def watched(migrated: Database[Any], mongo_uri: str, finds: Finds) -> Iterator[MongoAdminReads]:
    with pymongo.MongoClient[Any](mongo_uri, tz_aware=True, event_listeners=[finds]) as client:
        yield MongoAdminReads(client[migrated.name])


def stages(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["stage"]
    for child in [*filter(None, [plan.get("inputStage")]), *plan.get("inputStages", ())]:
        yield from stages(child)


def without_session(command: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in command.items() if name not in _OF_THE_SESSION}


def explained(database: Database[Any], command: dict[str, Any]) -> tuple[set[str], int]:
    """Return the stages of a `find` and how many documents it fetched."""
    answer = database.command("explain", without_session(command), verbosity="executionStats")
    used = set(stages(answer["queryPlanner"]["winningPlan"]))
    return used, answer["executionStats"]["totalDocsExamined"]


HERE = str(USERS[0])
LISTS = {
    "all": JobFilter(),
    **{str(state): JobFilter(state=state) for state in JobState},
    "code": JobFilter(error_code="file_lost"),
    "text": JobFilter(error_text="không"),
    "user": JobFilter(user_id=HERE),
    "since": JobFilter(since=NOW - 2 * DAY),
    "until": JobFilter(until=NOW - 2 * DAY),
    "attempted": JobFilter(min_attempts=1),
    "retried": JobFilter(min_attempts=4),
    "failed with a code": JobFilter(JobState.FAILED, error_code="file_lost"),
    "failed, saying": JobFilter(JobState.FAILED, error_text="không"),
    "retrying, saying": JobFilter(JobState.RETRYING, error_text="later"),
    "code, saying": JobFilter(error_code="file_lost", error_text="không"),
    "discarded with a code": JobFilter(JobState.DISCARDED, error_code="parser_rejected"),
    "failed lately": JobFilter(JobState.FAILED, since=NOW - 9 * DAY, until=NOW),
    "failed after many": JobFilter(JobState.FAILED, min_attempts=4),
    "a code after many": JobFilter(error_code="file_lost", min_attempts=4),
    "retrying a user's": JobFilter(JobState.RETRYING, user_id=HERE),
    "everything": JobFilter(
        JobState.FAILED,
        error_code="file_lost",
        error_text="không",
        since=NOW - 9 * DAY,
        until=NOW,
        min_attempts=4,
    ),
}


@pytest.fixture
def lopsided(migrated: Database[Any]) -> Database[Any]:
    """Jobs of which each rare kind lies behind hundreds of others that nearly match."""
    rare = {
        "status": "failed",
        "error_code": "file_lost",
        "error_message": "Không đọc được",
        "attempt": 4,
    }
    given_up = {
        "status": "failed",
        "error_code": "parser_rejected",
        "error_message": "No text.",
        "discarded_at": NOW,
    }
    waiting = {
        "status": "pending",
        "next_retry_at": NOW + DAY,
        "error_code": "x",
        "error_message": "Later.",
        "attempt": 2,
    }
    kinds: list[dict[str, Any]] = [
        *[{}] * 300,
        *[given_up] * 300,
        *[waiting] * 300,
        *[{"status": "pending"}] * 300,
        {"status": "processing"},
        {"status": "failed", "error_code": "cancelled"},
        {**waiting, "user_id": USERS[0]},
        *[rare] * 3,
        {"status": "pending"},
    ]
    migrated["resume_parse_jobs"].insert_many(
        [job(number * 10, **kind) for number, kind in enumerate(kinds)]
    )
    return migrated


def failures_saying(database: Database[Any], messages: list[str]) -> None:
    """Store three failed jobs of each message, of two codes, the messages in turn."""
    database["resume_parse_jobs"].insert_many(
        job(number, status="failed", error_code=f"code_{number % 2}", error_message=message)
        for number, message in enumerate(messages * 3)
    )


def test_a_text_is_found_by_the_messages_that_there_are(
    migrated: Database[Any], watched: MongoAdminReads, finds: Finds
) -> None:
    failures_saying(migrated, [f"Page {number} is empty." for number in range(31)])
    wanted = JobFilter(error_text="PAGE 1")  # of which there are 11
    listed = [one for page in all_pages(watched, wanted, limit=10) for one in page]
    assert len(listed) == 33
    moments = [one.job.created_at for one in listed]
    assert moments == sorted(moments, reverse=True)
    for command in finds.commands:
        used, fetched = explained(migrated, command)
        assert not used & {"COLLSCAN", "SORT"}
        assert fetched <= 10 + 2
    assert len(finds.lookups) >= 3, "the codes, and the messages of each"
    for lookup in finds.lookups:
        plan = migrated.command("explain", without_session(lookup), verbosity="queryPlanner")
        assert "DISTINCT_SCAN" in str(plan)


def test_where_each_message_is_another_the_jobs_are_searched(
    migrated: Database[Any], watched: MongoAdminReads, finds: Finds
) -> None:
    failures_saying(migrated, [f"Page {number} is empty." for number in range(250)])
    wanted = JobFilter(JobState.FAILED, error_text="page 1")
    listed = [one for page in all_pages(watched, wanted, limit=50) for one in page]
    assert len(listed) == 3 * (1 + 10 + 100)
    for command in finds.commands:
        used, fetched = explained(migrated, command)
        assert not used & {"COLLSCAN", "SORT"}
        assert fetched <= 50 + 2


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS.keys())
def test_a_list_walks_one_index_and_fetches_what_it_shows(
    lopsided: Database[Any], watched: MongoAdminReads, finds: Finds, wanted: JobFilter
) -> None:
    page = watched.jobs(wanted, limit=2)
    if page.next_cursor:
        watched.jobs(wanted, cursor=page.next_cursor, limit=2)
    assert page.jobs
    for command in finds.commands:
        used, fetched = explained(lopsided, command)
        assert not used & {"COLLSCAN", "SORT"}
        assert fetched <= 3 + 1  # the page, one to see whether there are more, one at its border


def test_selected_jobs_are_found_by_their_ids(
    lopsided: Database[Any], watched: MongoAdminReads, finds: Finds
) -> None:
    ids = [str(one["_id"]) for one in lopsided["resume_parse_jobs"].find(limit=7)]
    assert len(watched.jobs(JobFilter(job_ids=frozenset(ids))).jobs) == 7
    used, fetched = explained(lopsided, finds.commands[0])
    assert not used & {"COLLSCAN", "SORT"}
    assert fetched == 7


def test_groups_details_and_the_oldest_are_found_by_an_index(
    lopsided: Database[Any], watched: MongoAdminReads, finds: Finds
) -> None:
    counts = {"file_lost": 3, "parser_rejected": 1}
    lopsided["job_totals"].insert_one({"_id": "jobs", "failed_by_code": counts})
    assert len(watched.failure_groups()) == 2
    assert watched.oldest_pending_at()
    [newest] = watched.jobs(JobFilter(), limit=1).jobs
    assert watched.details(newest.job.id)
    assert len(finds.commands) > 6
    for command in finds.commands:
        used, fetched = explained(lopsided, command)
        assert not used & {"COLLSCAN", "SORT"}, command
        assert fetched <= 2, command


# --- what takes too long --------------------------------------------------------------------


def test_a_search_that_takes_too_long_says_how_to_narrow_it(
    migrated: Database[Any], mongo_uri: str
) -> None:
    with pymongo.MongoClient[Any](mongo_uri, tz_aware=True, appname="slow") as client:
        reads = MongoAdminReads(client[migrated.name])
        with failing(client, "slow", ["find"], errorCode=50):  # MaxTimeMSExpired
            with pytest.raises(FilterTooBroadError, match="add an error code"):
                reads.jobs(JobFilter(error_text="x"))
            with pytest.raises(FilterTooBroadError):
                reads.export(JobFilter(error_text="x"))
            with pytest.raises(StoreUnavailableError):
                reads.jobs(JobFilter())
        assert reads.jobs(JobFilter(error_text="x")).jobs == []


def test_a_search_has_a_limit(
    watched: MongoAdminReads, finds: Finds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    watched.jobs(JobFilter(error_text="x"))
    assert 0 < finds.commands[0]["maxTimeMS"] <= 2000


# --- groups, the oldest, one job ------------------------------------------------------------


def test_failures_are_grouped_by_their_code_with_a_sample(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    def failed(number: int, code: str, **more: Any) -> dict[str, Any]:
        return job(number, status="failed", error_code=code, error_message=f"{number}.", **more)

    jobs = [
        failed(3, "x"),
        failed(1, "x"),
        failed(2, "x"),
        failed(0, "x", discarded_at=NOW),
        failed(4, "y"),
    ]
    migrated["resume_parse_jobs"].insert_many(jobs)
    assert reads.failure_groups() == []  # nobody has kept figures yet
    counts = {"y": 1, "x": 3, "gone": 0, "behind": 2}
    migrated["job_totals"].insert_one({"_id": "jobs", "failed_by_code": counts})
    most, behind, one = reads.failure_groups()
    assert (most.error_code, most.count) == ("x", 3)
    assert (most.first_at, most.last_at) == (jobs[0]["updated_at"], jobs[1]["updated_at"])
    assert (most.sample_job_id, most.sample_message) == (str(jobs[1]["_id"]), "1.")
    assert (one.error_code, one.count, one.first_at) == ("y", 1, jobs[4]["updated_at"])
    assert (behind.error_code, behind.count, behind.first_at) == ("behind", 2, None)
    assert (behind.sample_job_id, behind.sample_message) == ("", "")


def test_the_oldest_that_waits_for_a_worker_waits_since_it_is_pending(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    jobs = migrated["resume_parse_jobs"]
    assert reads.oldest_pending_at() is None
    jobs.insert_one(job(900, status="processing"))
    jobs.insert_one(job(800, status="pending", next_retry_at=NOW + DAY))
    assert reads.oldest_pending_at() is None
    replayed_at = NOW - timedelta(minutes=5)
    jobs.insert_one(job(700, status="pending", updated_at=replayed_at))
    assert reads.oldest_pending_at() == replayed_at
    due = job(10, status="pending", next_retry_at=NOW - DAY)
    jobs.insert_one(due)
    assert reads.oldest_pending_at() == due["updated_at"]


@pytest.mark.parametrize("kind", ["mongo", "inline"])
def test_a_jobs_details_tell_its_whole_history(
    reads: MongoAdminReads, migrated: Database[Any], user_id: str, kind: Any
) -> None:
    uploads = MongoUploadStore(
        migrated, storage_kind=kind, answer_timeout=DAY, failed_file_retention=DAY
    )
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    new_job = NewJob(user_id, "cv.pdf", 5, "0" * 64, 5, "2026-11-25", 20, traceparent=trace)
    job_id = uploads.open(new_job, b"%PDF-").id
    work = MongoWorkStore(migrated, lease=DAY, failed_file_retention=DAY)
    place = RecordPlace("resumes", 3, 42)
    claim = work.claim(job_id, "one", JobRecord(place))
    assert isinstance(claim, Claim)
    work.release(claim, "x", "Later.", delay_s=-1, counts=True, trace="a.py:1 in a")
    claim = work.claim(job_id, "two")
    assert isinstance(claim, Claim)
    details = reads.details(job_id)
    assert details
    assert details.has_file
    work.complete(claim, resume_id_of(job_id), {"name": "A"}, {"name": "A"})
    migrated["resume_parse_jobs"].update_one({}, {"$set": {"letter_id": "0:7"}})
    details = reads.details(job_id)
    assert details
    assert (details.has_file, details.letter_id, details.traceparent) == (False, "0:7", trace)
    assert (details.listed.state, details.listed.worker) == (JobState.COMPLETED, "two")
    assert details.listed.job.cv_data == {"name": "A"}
    steps = details.steps
    assert [(step.from_status, step.to_status) for step in steps] == [
        (None, "pending"),
        ("pending", "processing"),
        ("processing", "pending"),
        ("pending", "processing"),
        ("processing", "completed"),
    ]
    assert [step.attempt for step in steps] == [0, 1, 1, 2, 2]
    assert [step.worker for step in steps] == ["", "one", "one", "two", "two"]
    assert [step.place for step in steps] == [None, place, None, None, None]
    assert (steps[2].reason, steps[2].error_message) == ("x", "Later.")
    assert (steps[2].trace, steps[2].operator) == ("a.py:1 in a", "")
    assert steps[0].took_s is None
    for before, step in pairwise(steps):
        assert step.took_s == pytest.approx((step.at - before.at).total_seconds())


def test_a_history_that_has_begun_before_the_oldest_event_is_told_from_there(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    """Events are dropped by age, and those of an earlier release have fewer fields."""
    migrated["resume_parse_jobs"].insert_one(document := job(1, status="failed"))
    migrated["job_events"].insert_one(
        {
            "job_id": document["_id"],
            "user_id": document["user_id"],
            "from": "processing",
            "to": "failed",
            "attempt": 1,
            "rev": 3,
            "reason": "x",
            "error_message": "No.",
            "at": NOW,
        }
    )
    details = reads.details(str(document["_id"]))
    assert details
    [step] = details.steps
    assert (step.to_status, step.worker, step.place, step.took_s) == ("failed", "", None, None)


@pytest.mark.parametrize("job_id", ["", "x", "A" * 24, "0" * 24])
def test_what_is_no_job_has_no_details_and_no_file(reads: MongoAdminReads, job_id: str) -> None:
    assert reads.details(job_id) is None
    assert reads.file(job_id) is None


def test_a_jobs_file_is_there_while_it_is_kept_wherever_that_is(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    inline, apart, gone = job(1, file_data=b"%PDF-1"), job(2), job(3)
    migrated["resume_parse_jobs"].insert_many([inline, apart, gone])
    migrated["resume_files"].insert_one({"_id": apart["_id"], "data": b"%PDF-2"})
    files = [reads.file(str(one["_id"])) for one in (inline, apart, gone)]
    assert files == [b"%PDF-1", b"%PDF-2", None]


def test_a_job_names_its_users_last_success(
    reads: MongoAdminReads, migrated: Database[Any]
) -> None:
    mine, lost = {"user_id": USERS[0]}, {"status": "failed", "error_code": "x"}
    newest, old, older = job(1, **mine, **lost), job(2, **mine), job(3, **mine)
    stranger = job(4, **lost)
    migrated["resume_parse_jobs"].insert_many([newest, old, older, stranger])
    for one, success in ((newest, str(old["_id"])), (older, str(old["_id"])), (stranger, "")):
        details = reads.details(str(one["_id"]))
        assert details
        assert details.last_success_id == success


def test_jobs_of_the_release_before_are_known_to_wait(database: Database[Any]) -> None:
    migrations = Migrations(database.client, database.name)
    migrations.upgrade("0002_pre_rescue")
    waits = job(1, status="pending", next_retry_at=NOW + DAY)
    database["resume_parse_jobs"].insert_many([waits, job(2, status="pending"), job(3)])
    migrations.upgrade()
    found = database["resume_parse_jobs"].find({"is_retrying": True})
    assert [one["_id"] for one in found] == [waits["_id"]]
