"""Guards the figures: each event counts exactly once, whatever dies and whoever else folds."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.job_filter import JobState
from resumes.statistics import NO_TIMES, Minute, Totals
from resumes.tally import Change
from store.kept_figures import MINUTES, TOTALS, Kept, KeptFigures
from store.statistics import StatisticsFold
from store.statistics_reads import MongoStatistics
from store.transitions import EVENTS
from tests.eventually import eventually
from tests.integration.realtime.failures import failing
from tests.integration.store.job_lives import Lives, are_right, living, totals_are_right

APP_NAME = "fold-under-test"
ROOT = Path(__file__).parents[3]
#: Of these days: MongoDB drops minutes that are 90 days old.
AT = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)


@pytest.fixture
def folded(migrated: Database[Any], mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The database by a client of its own, so that failures can be aimed at the folds."""
    with pymongo.MongoClient[dict[str, Any]](
        mongo_uri, appname=APP_NAME, tz_aware=True, timeoutMS=10_000
    ) as client:
        yield client[migrated.name]


@pytest.fixture
def kept(folded: Database[Any]) -> Kept:
    """The first count, of no jobs."""
    first = KeptFigures(folded).count_anew(None)
    assert first is not None
    return first


@contextmanager
def folding(
    database: Database[Any], *, folds: int = 1, count_every: timedelta | None = None
) -> Iterator[list[int]]:
    """Run so many folds while this is open; gives the sizes of the batches that counted."""
    over = threading.Event()
    batches: list[int] = []
    threads = [
        threading.Thread(
            target=StatisticsFold(
                database, on_folded=batches.append, count_every=count_every, pause_s=0.02
            ).run_until,
            args=(over,),
        )
        for _ in range(folds)
    ]
    for thread in threads:
        thread.start()
    try:
        yield batches
    finally:
        over.set()
        for thread in threads:
            thread.join()


def live(database: Database[Any], steps: int) -> None:
    lives = Lives(database, seed=1)
    for _ in range(steps):
        lives.step()


def events(database: Database[Any]) -> int:
    return database[EVENTS].count_documents({})


def test_the_first_count_finds_the_jobs_that_are_there(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    live(migrated, 100)
    with folding(folded) as batches:
        eventually(lambda: batches, within_s=30)
    assert totals_are_right(migrated)
    assert sum(batches) == migrated[MINUTES].count_documents({}) == 0


def test_what_happens_during_the_first_count_counts_once(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    for seed in range(0, 100, 10):
        with living(migrated, threads=4, seed=seed):
            await_more(migrated, 10)
            migrated[TOTALS].delete_many({})
            with folding(folded) as batches:
                eventually(lambda: sum(batches) > 10, within_s=30)
        await_rest(migrated, folded)


def await_more(database: Database[Any], number: int) -> None:
    before = events(database)
    eventually(lambda: events(database) > before + number, within_s=30)


def await_rest(database: Database[Any], folded: Database[Any]) -> None:
    """Let a fold go on until it finds nothing more, and the totals are right."""
    with folding(folded) as batches:
        eventually(lambda: batches and batches[-1] == 0 and totals_are_right(database), within_s=30)


@pytest.mark.usefixtures("kept")
def test_figures_are_right_whoever_folds(migrated: Database[Any], folded: Database[Any]) -> None:
    with folding(folded, folds=3) as batches:
        with living(migrated, threads=3, seed=1):
            eventually(lambda: events(migrated) > 1_500, within_s=60)
        eventually(lambda: are_right(migrated), within_s=30)
    assert sum(batches) == events(migrated)


@pytest.mark.usefixtures("kept")
def test_figures_are_right_whatever_dies(
    migrated: Database[Any], folded: Database[Any], mongo_uri: str
) -> None:
    chance = random.Random(7)
    with living(migrated, threads=2, seed=2):
        for _ in range(6):
            moments = [chance.randrange(4, 60) for _ in range(2)]
            processes = [fold_process(mongo_uri, migrated.name, number) for number in moments]
            assert [process.wait(timeout=60) for process in processes] == 2 * [-signal.SIGKILL]
    with folding(folded):
        eventually(lambda: are_right(migrated), within_s=30)


def fold_process(uri: str, name: str, moments: int) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("fold_process.py")
    command = [sys.executable, str(script), uri, name, str(moments)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(
    "failure",
    [
        {"closeConnection": True},
        {"errorCode": 251, "errorLabels": ["TransientTransactionError"]},
        # Committed, but the answer says nothing of it.
        {"writeConcernError": {"code": 64, "errmsg": "late", "errInfo": {"wtimeout": True}}},
    ],
    ids=["connection cut", "not committed", "answer lost"],
)
@pytest.mark.usefixtures("kept")
def test_figures_are_right_when_commits_fail(
    migrated: Database[Any], folded: Database[Any], failure: dict[str, Any]
) -> None:
    with folding(folded):
        for _ in range(3):
            with failing(migrated.client, APP_NAME, ["commitTransaction"], times=3, **failure):
                live(migrated, 30)
        eventually(lambda: are_right(migrated), within_s=30)


def test_of_two_who_count_the_same_one_is_late(migrated: Database[Any], kept: Kept) -> None:
    change = Change(AT, None, JobState.PENDING)
    figures = KeptFigures(migrated)
    position = {"start_after": {"_data": "80"}}
    first = figures.advance(kept, position, [change], AT)
    counted = Kept(position, Totals(pending=1, as_of=AT), kept.counted_at)
    assert first == figures.read() == counted
    assert figures.advance(kept, {"start_after": {"_data": "81"}}, [change], AT) is None
    assert figures.count_anew(kept) is None
    assert figures.count_anew(None) is None
    assert figures.read() == first
    minutes = MongoStatistics(migrated, now=lambda: AT).minutes(last=1)
    assert minutes == [Minute(AT, created=1)]


@pytest.mark.parametrize("code", [280, 286])
@pytest.mark.usefixtures("kept")
def test_after_a_lost_history_the_totals_are_right_again(
    migrated: Database[Any], folded: Database[Any], code: int
) -> None:
    live(migrated, 50)
    with (
        failing(migrated.client, APP_NAME, ["getMore"], times=1, errorCode=code),
        folding(folded) as batches,
    ):
        eventually(lambda: batches, within_s=30)
        assert totals_are_right(migrated)
        live(migrated, 50)
        eventually(lambda: sum(batches) == 50, within_s=30, why="no minute has the rest")
        assert totals_are_right(migrated)


@pytest.mark.usefixtures("kept")
def test_after_the_events_were_dropped_the_totals_are_right_again(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    with folding(folded) as batches:
        live(migrated, 20)
        eventually(lambda: sum(batches) == 20, within_s=30)
        migrated[EVENTS].drop()
        live(migrated, 50)
        eventually(lambda: totals_are_right(migrated), within_s=30)


@pytest.mark.usefixtures("kept")
def test_jobs_that_are_dropped_by_their_age_leave_the_totals(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    """MongoDB drops them (JOB_RETENTION), and no event says so."""
    live(migrated, 100)
    with folding(folded, count_every=timedelta(seconds=2)):
        eventually(lambda: totals_are_right(migrated), within_s=30)
        dropped = migrated["resume_parse_jobs"].delete_many({"status": {"$in": ["failed"]}})
        assert dropped.deleted_count
        eventually(lambda: totals_are_right(migrated), within_s=30)
        live(migrated, 50)
        eventually(lambda: totals_are_right(migrated), within_s=30)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "as_before",
    [
        {"$unset": {"cancelled": "", "counted_at": ""}, "$set": {"failed": 77}},
        # A rescuer of that release ran beside one of this, for a while.
        {"$set": {"failed": 77, "failed_by_code.cancelled": 1}},
    ],
    ids=["before", "beside"],
)
def test_totals_of_a_release_that_told_fewer_apart_are_counted_anew(
    migrated: Database[Any], folded: Database[Any], as_before: dict[str, Any]
) -> None:
    live(migrated, 100)
    migrated[TOTALS].update_one({}, as_before)
    assert MongoStatistics(migrated).totals().cancelled == 0
    with folding(folded):
        eventually(lambda: totals_are_right(migrated), within_s=30)


@pytest.mark.usefixtures("kept")
def test_the_position_moves_on_when_nothing_happens(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    long_ago = AT - timedelta(days=365)
    migrated[TOTALS].update_one({}, {"$set": {"as_of": long_ago}})
    with folding(folded):
        eventually(lambda: MongoStatistics(migrated).totals().as_of != long_ago, within_s=30)
    [document] = migrated[TOTALS].find()
    assert list(document["position"]) == ["start_after"]


@pytest.mark.usefixtures("kept")
def test_a_backlog_is_counted_without_pauses(
    migrated: Database[Any], folded: Database[Any]
) -> None:
    event = {"from": None, "to": "pending", "rev": 1, "at": AT, "user_id": ObjectId()}
    migrated[EVENTS].insert_many([{**event, "job_id": ObjectId()} for _ in range(2_500)])
    with folding(folded) as batches:
        eventually(lambda: sum(batches) == 2_500, within_s=30)
    assert [size for size in batches if size] == [1_000, 1_000, 500]
    assert MongoStatistics(migrated).totals().pending == 2_500


def test_without_a_rescuer_there_are_no_figures(migrated: Database[Any]) -> None:
    statistics = MongoStatistics(migrated, now=lambda: AT)
    assert statistics.totals() == Totals()
    assert statistics.minutes(last=2) == [Minute(AT - timedelta(minutes=1)), Minute(AT)]


def test_minutes_are_told_oldest_first_with_the_empty_ones(
    migrated: Database[Any], kept: Kept
) -> None:
    pending, failed = JobState.PENDING, JobState.FAILED
    minute = timedelta(minutes=1)
    changes = [
        Change(AT + timedelta(seconds=59), pending, failed, "file_lost", since=AT),
        Change(AT - 2 * minute, None, pending),
        Change(AT - 9 * minute, None, pending),
        Change(AT + 9 * minute, None, pending),
    ]
    KeptFigures(migrated).advance(kept, kept.position, changes, AT)
    assert MongoStatistics(migrated, now=lambda: AT + timedelta(seconds=30)).minutes(last=4) == [
        Minute(AT - 3 * minute),
        Minute(AT - 2 * minute, created=1),
        Minute(AT - minute),
        Minute(
            AT, failed=1, failed_by_code={"file_lost": 1}, times=(*NO_TIMES[:8], 1, *NO_TIMES[9:])
        ),
    ]


def test_codes_that_no_job_has_any_more_are_not_shown(migrated: Database[Any], kept: Kept) -> None:
    failed, codes = JobState.FAILED, ("file_lost", "a.b", "parser_rejected")
    changes = [
        *(Change(AT, JobState.PROCESSING, failed, code) for code in codes),
        Change(AT, failed, JobState.PENDING, "file_lost"),
    ]
    KeptFigures(migrated).advance(kept, kept.position, changes, AT)
    failed_by_code = MongoStatistics(migrated).totals().failed_by_code
    assert failed_by_code == {"other": 1, "parser_rejected": 1}


def test_a_minute_is_kept_for_90_days(migrated: Database[Any]) -> None:
    index = migrated[MINUTES].index_information()["expire"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("at", 1)], 90 * 24 * 3600)
