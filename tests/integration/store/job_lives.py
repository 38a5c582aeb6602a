"""Jobs that live at random: each step is a legal transition with its event, in one transaction."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from resumes.cancel import CANCELLED
from resumes.job_filter import JobState
from resumes.statistics import Minute
from store.statistics_reads import MongoStatistics
from store.transitions import EVENTS, JOBS, in_transaction

CODES = ["parser_unavailable", "parser_rejected", "file_lost"]
#: From a job's state to what may happen: the status it gets, and the event's reason.
STEPS: dict[str, list[tuple[str, str]]] = {
    "pending": [("processing", ""), ("processing", ""), ("failed", ""), ("failed", CANCELLED)],
    "retrying": [
        *[("processing", ""), ("failed", ""), ("failed", CANCELLED)],
        ("pending", "retried_now"),
    ],
    "processing": [("processing", ""), ("pending", "wait"), ("completed", ""), ("failed", "")],
    "failed": [("pending", "replayed"), ("failed", "discarded")],
}
MINUTES_BACK = 4


class Lives:
    """Some jobs, of one thread."""

    def __init__(self, database: Database[Any], seed: int) -> None:
        self._database = database
        self._random = random.Random(seed)
        self._jobs: list[dict[str, Any]] = []

    def step(self) -> None:
        """Make a job, or let something happen to one."""
        alive = [job for job in self._jobs if state_of(job) in STEPS]
        if not alive or self._random.random() < 0.25:
            self._make()
        else:
            self._move(self._random.choice(alive))

    def _make(self) -> None:
        at = self._moment()
        job = {
            "_id": ObjectId(),
            "user_id": ObjectId(),
            "file_name": "resume.pdf",
            "status": "pending",
            "rev": 1,
            "attempt": 0,
            "created_at": at,
            "updated_at": at,
        }
        self._jobs.append(job)
        self._write(job, {"from": None, "reason": "", "was_retrying": False})

    def _move(self, job: dict[str, Any]) -> None:
        to, reason = self._random.choice(STEPS[state_of(job)])
        event = {
            "from": job["status"],
            "reason": "" if reason == "wait" else reason,
            "was_retrying": job.pop("is_retrying", False),
        }
        if job["status"] == "failed":
            event["was_code"] = job["error_code"]
        elif to == "failed" or reason == "wait":
            event["reason"] = job["error_code"] = (
                CANCELLED if reason == CANCELLED else self._random.choice(CODES)
            )
        if reason == "wait":
            job["is_retrying"] = True
            event["retry_at"] = self._moment()
        if reason == "discarded":
            job["discarded_at"] = self._moment()
        job["status"] = to
        job["rev"] += 1
        self._write(job, event)

    def _write(self, job: dict[str, Any], event: dict[str, Any]) -> None:
        event |= {
            "job_id": job["_id"],
            "user_id": job["user_id"],
            "to": job["status"],
            "rev": job["rev"],
            "at": self._moment(),
            "job_created_at": job["created_at"],
        }

        def work(session: Any) -> None:
            self._database[JOBS].replace_one({"_id": job["_id"]}, job, upsert=True, session=session)
            self._database[EVENTS].insert_one({**event}, session=session)

        in_transaction(self._database, work)

    def _moment(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self._random.randrange(60 * MINUTES_BACK))


@contextmanager
def living(database: Database[Any], *, threads: int, seed: int) -> Iterator[None]:
    """Let jobs live in so many threads while this is open."""
    over = threading.Event()

    def live(number: int) -> None:
        lives = Lives(database, seed + number)
        while not over.is_set():
            lives.step()

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(live, number) for number in range(threads)]
        try:
            yield
        finally:
            over.set()
        for thread in running:
            thread.result()


def state_of(job: dict[str, Any]) -> str:
    if job["status"] == "failed" and job.get("discarded_at"):
        return "discarded"
    if job["status"] == "failed" and job["error_code"] == CANCELLED:
        return "cancelled"
    return "retrying" if job.get("is_retrying") else str(job["status"])


def are_right(database: Database[Any]) -> bool:
    """Assert that all figures are what the jobs and their events say."""
    return totals_are_right(database) and minutes_are_right(database)


def totals_are_right(database: Database[Any]) -> bool:
    """Assert that the totals are what a count of the jobs gives."""
    jobs = list(database[JOBS].find())
    states = Counter(state_of(job) for job in jobs)
    states["pending"] += states["retrying"]
    totals = MongoStatistics(database).totals()
    kept = {str(state): getattr(totals, state) for state in JobState}
    counted = {str(state): states[state] for state in JobState}
    assert kept == counted, f"kept {kept}, but counted {counted}"
    codes = Counter(job["error_code"] for job in jobs if state_of(job) == "failed")
    assert totals.failed_by_code == codes, f"kept {totals}, but counted {codes}"
    return True


def minutes_are_right(database: Database[Any]) -> bool:
    """Assert that each minute says what the events of its time say."""
    kept = MongoStatistics(database).minutes(last=60)
    events = list(database[EVENTS].find())
    assert sum(minute.created for minute in kept) == sum(e["from"] is None for e in events)
    for minute in kept:
        _check_minute(minute, [e for e in events if _minute(e["at"]) == minute.at])
    return True


def _check_minute(minute: Minute, events: list[dict[str, Any]]) -> None:
    ends = [
        event
        for event in events
        if event["to"] in ("completed", "failed") and event["from"] != "failed"
    ]
    cancels = [event for event in ends if event["reason"] == CANCELLED]
    ends = [event for event in ends if event not in cancels]
    codes = Counter(event["reason"] for event in ends if event["to"] == "failed")
    counted = Minute(
        at=minute.at,
        created=sum(event["from"] is None for event in events),
        completed=sum(event["to"] == "completed" for event in events),
        failed=codes.total(),
        cancelled=len(cancels),
        retried=sum("retry_at" in event for event in events),
        replayed=sum(event["reason"] == "replayed" for event in events),
        failed_by_code=dict(codes),
        times=minute.times,
    )
    assert minute == counted, f"kept {minute}, but counted {counted}"
    assert sum(minute.times) == len(ends)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
