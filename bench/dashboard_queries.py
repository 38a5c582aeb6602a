"""How long the dashboard's reads take with 1,000,000 jobs, 100,000 of them failed.

`python -m bench.dashboard_queries` starts a mongod of its own, fills it in some minutes and prints
each read's times in milliseconds: the first one, and median and worst of those after it.
"""

import json
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pymongo
from bson import ObjectId
from pymongo.database import Database

from bench.timing import measure, ms, say
from devstack import ports
from devstack.mongod import Mongod
from migrations.runner import Migrations
from resumes.job_filter import JobFilter, JobState
from store.admin_reads import MongoAdminReads
from store.kept_figures import KeptFigures

JOBS, FAILED, PENDING, RETRYING = 1_000_000, 100_000, 20_000, 50_000
DISCARDED = FAILED // 2
#: A failure that happened only long ago, so that a walk from the newest passes all others.
RARE, RARE_CODE = 50, "file_lost"
CODES = ["parser_unavailable", "parser_rejected", "attempts_exhausted"]
MESSAGE = "The resume could not be read: the service was away for too long. Please upload it again."
#: What the parser says of files is its own, and differs.
REJECTED_CODE, REJECTIONS = "parser_rejected", 60
USERS = 200_000
LIMIT = 50
_BATCH = 10_000
_EVENTS = 12
_NOW = datetime.now(UTC).replace(microsecond=0)
_PERIOD = timedelta(days=60)
_CV_DATA = json.dumps({"skills": ["Python"] * 50})

Document = dict[str, Any]


def main() -> None:
    """Fill, migrate, measure."""
    logging.disable()  # the migrations' own lines
    with tempfile.TemporaryDirectory() as directory:
        server = Mongod(Path(directory), ports.free_port())
        server.start()
        try:
            with pymongo.MongoClient[Any](server.uri, tz_aware=True) as client:
                _measure(client["bench"])
        finally:
            server.stop()


def _measure(database: Database[Document]) -> None:
    say(f"{JOBS:,} jobs stored", ms(lambda: _fill(database)))
    migrations = Migrations(database.client, database.name)
    say("indexes built", ms(lambda: migrations.upgrade(wait_s=0)))
    reads = MongoAdminReads(database)
    measure(_reads(reads, database))
    exported = sum(1 for _ in islice(reads.export(JobFilter()), JOBS // 20))
    say(f"export of {exported:,}", ms(lambda: list(islice(reads.export(JobFilter()), exported))))


def _reads(reads: MongoAdminReads, database: Database[Document]) -> dict[str, Callable[[], object]]:
    jobs = database["resume_parse_jobs"]
    middle = jobs.find_one({"created_at": {"$lte": _NOW - _PERIOD / 2}}, sort=[("created_at", -1)])
    assert middle  # noqa: S101 - we have just stored it
    far = f"{int(middle['created_at'].timestamp() * 1000)}-{middle['_id']}"
    a_day = JobFilter(since=_NOW - timedelta(days=31), until=_NOW - timedelta(days=30))
    filters = {
        "all jobs": JobFilter(),
        **{f"state {state}": JobFilter(state=state) for state in JobState},
        "a common error code": JobFilter(error_code=CODES[0]),
        "a rare error code": JobFilter(error_code=RARE_CODE),
        **_by_text(a_day),
        "a user": JobFilter(user_id=str(middle["user_id"])),
        "a day": a_day,
        "4 attempts or more": JobFilter(min_attempts=4),
        "completed after 4 or more": JobFilter(JobState.COMPLETED, min_attempts=4),
        "failed, a rare code": JobFilter(JobState.FAILED, error_code=RARE_CODE),
        "failed on a day": a_day.with_(state=JobState.FAILED),
        "1,000 selected jobs": JobFilter(
            job_ids=frozenset(str(job["_id"]) for job in jobs.find({}, {"_id": 1}, limit=1000))
        ),
    }
    return {
        **{name: _page(reads, wanted, None) for name, wanted in filters.items()},
        "all jobs, in the middle": _page(reads, JobFilter(), far),
        "failed ones, in the middle": _page(reads, JobFilter(JobState.FAILED), far),
        "failure groups": reads.failure_groups,
        "the oldest pending": reads.oldest_pending_at,
        "all jobs counted (daily)": lambda: KeptFigures(database).count_anew(None),
        "a job's details": lambda: reads.details(str(middle["_id"])),
    }


def _by_text(a_day: JobFilter) -> dict[str, JobFilter]:
    return {
        "a common error text": JobFilter(error_text="AWAY"),
        "a rare error text": JobFilter(error_text="bytes are gone"),
        "an error text that none has": JobFilter(error_text="no such words"),
        "a text in many messages": JobFilter(error_text="page"),
        "a common text, a rare code": JobFilter(error_text="again", error_code=RARE_CODE),
        "processing, a common text": JobFilter(JobState.PROCESSING, error_text="AWAY"),
        "pending, a common text": JobFilter(JobState.PENDING, error_text="AWAY"),
        "retrying, a rare text": JobFilter(JobState.RETRYING, error_text="bytes are gone"),
        "discarded, a rare text": JobFilter(JobState.DISCARDED, error_text="bytes are gone"),
        "failed, a rare text": JobFilter(JobState.FAILED, error_text="bytes are gone"),
        "a day, a code, a text": a_day.with_(error_code=REJECTED_CODE, error_text="page 7"),
    }


def _page(reads: MongoAdminReads, wanted: JobFilter, cursor: str | None) -> Callable[[], object]:
    return lambda: reads.jobs(wanted, cursor=cursor, limit=LIMIT)


def _fill(database: Database[Document]) -> None:
    jobs, events = database["resume_parse_jobs"], database["job_events"]
    documents = _jobs()
    while batch := list(islice(documents, _BATCH)):
        jobs.insert_many(batch, ordered=False)
        events.insert_many(_history(batch[0]))
        events.insert_many(_history(batch[len(batch) // 2]))
    failed_by_code = {code: (FAILED - DISCARDED) // len(CODES) for code in CODES}
    totals = {"_id": "jobs", "failed_by_code": {**failed_by_code, RARE_CODE: RARE}}
    database["job_totals"].insert_one(totals)


def _jobs() -> Iterator[Document]:
    """Make the jobs, the newest first."""
    rng = random.Random(JOBS)  # noqa: S311 - no secret
    users = [ObjectId() for _ in range(USERS)]
    kinds: list[Callable[[], Document]] = [_completed] * (JOBS - FAILED - PENDING - RETRYING - 100)
    kinds += [_failed] * (FAILED - DISCARDED - RARE) + [_discarded] * DISCARDED
    kinds += [_pending] * PENDING + [_retrying] * RETRYING + [_processing] * 100
    rng.shuffle(kinds)
    for number, kind in enumerate([*kinds, *[_rare] * RARE]):
        created_at = _NOW - number * (_PERIOD / JOBS)
        yield {
            "_id": ObjectId(),
            "user_id": rng.choice(users),
            "file_name": f"Nguyễn Văn {number}.pdf",
            "storage": "mongo",
            "size": rng.randrange(20_000, 2_000_000),
            "sha256": f"{number:064x}",
            "rev": 3,
            "attempt": 1 if rng.random() < 0.95 else rng.randrange(2, 6),  # noqa: PLR2004
            "max_attempts": 5,
            "worker": f"worker-{number % 8}:4711",
            "error_code": "",
            "error_message": "",
            "day": f"{created_at:%Y-%m-%d}",
            "created_at": created_at,
            "updated_at": created_at + timedelta(seconds=rng.random() * 60),
            **kind(),
        }


def _completed() -> Document:
    return {"status": "completed", "resume_id": ObjectId(), "cv_data": _CV_DATA}


def _failed() -> Document:
    code, page = random.choice(CODES), random.randrange(REJECTIONS)  # noqa: S311 - no secret
    message = f"Page {page} has no text." if code == REJECTED_CODE else MESSAGE
    return {"status": "failed", "error_code": code, "error_message": message}


def _discarded() -> Document:
    return {**_failed(), "discarded_at": _NOW}


def _rare() -> Document:
    message = "The file's bytes are gone. Please upload it again."
    return {"status": "failed", "error_code": RARE_CODE, "error_message": message, "attempt": 4}


# One unfinished job for a user at most.
def _pending() -> Document:
    return {"status": "pending", "user_id": ObjectId(), "due_at": _NOW}


def _retrying() -> Document:
    due = {"next_retry_at": _NOW + timedelta(hours=12), "due_at": _NOW + timedelta(hours=12)}
    error = {"error_code": CODES[0], "error_message": MESSAGE, "attempt": 2}
    return {"status": "pending", "user_id": ObjectId(), **due, **error}


def _processing() -> Document:
    return {"status": "processing", "user_id": ObjectId(), "due_at": _NOW}


def _history(job: Document) -> list[Document]:
    step = {
        "job_id": job["_id"],
        "user_id": job["user_id"],
        "from": "pending",
        "to": "processing",
        "attempt": 1,
        "reason": "",
        "error_message": "",
        "at": job["created_at"],
    }
    return [{**step, "_id": ObjectId(), "rev": rev + 1} for rev in range(_EVENTS)]


if __name__ == "__main__":
    main()
