"""The dashboard's collaborators in memory, with a night of work behind them.

Not for what the store or the queue do (they have tests of their own): for what the pages make of
their answers.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.exceptions import Forbidden

from resumes.breaker import BreakerState
from resumes.errors import QueueUnavailableError
from resumes.job import Job, JobStatus
from resumes.job_filter import JobFilter, JobState
from resumes.operating import (
    AuditEntry,
    FailureGroup,
    JobDetails,
    JobPage,
    ListedJob,
    NewOperation,
    Operation,
    OperationItem,
    OperationStatus,
    Operator,
    RecordPlace,
    Refusal,
    Role,
    Step,
)
from resumes.statistics import TIME_BOUNDS_S, Minute, Totals

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MESSAGES = {
    "parser_unavailable": "The resume parser is not available at the moment. "
    "Please upload the file again later.",
    "scan_without_text": "The PDF is a scan without text. Export it from a text program.",
    "pdf_encrypted": "The PDF is protected by a password. Remove it and upload the file again.",
}
FILES = (
    "Nguyễn Thị Hoàng Phương Thảo Vy - Sơ yếu lý lịch - Kỹ sư phần mềm cao cấp (bản cuối cùng).pdf",
    "cv.pdf",
    "Trần Văn Bình_Resume_2026.pdf",
    "resume-final-FINAL-v12.pdf",
    "=HYPERLINK(evil).pdf",
)
CV_DATA: dict[str, Any] = {
    "name": "Nguyễn Văn An",
    "email": "nguyen.van.an@example.com",
    "phone": "+84 912 345 678",
    "summary": "Nguyễn Văn An builds services. Write to nguyen.van.an@example.com.",
    "skills": ["Python", "Kafka", "MongoDB"],
    "education": [{"degree": "Bachelor", "institution": "UIT", "graduation_year": 2020}],
    "experience": [
        {
            "title": "Developer",
            "company": "Công ty Cổ phần Phần mềm",
            "duration": "2020-2024",
            "responsibilities": ["Thiết kế hệ thống", "Call me: 0912 345 678"],
            "achievements": [],
        }
    ],
    "certifications": [],
    "languages": ["Tiếng Việt", "English"],
}
TRACE = '  File "tasks/parser_client.py", line 84, in parse\n    response = self._post(pdf)\n'


def object_id(number: int) -> str:
    return f"65f7a1{number:018x}"


def job(number: int, **changes: Any) -> Job:
    """A pending job, unless told otherwise."""
    at = NOW - timedelta(minutes=number * 7 % 1400)
    usual = Job(
        id=object_id(number),
        user_id=object_id(0xAB0000 + number % 97),
        file_name=FILES[number % len(FILES)],
        status=JobStatus.PENDING,
        attempt=0,
        max_attempts=5,
        rev=1,
        size_bytes=(number * 7919 * 31) % (9 * 1024 * 1024) + 900,
        sha256="0" * 64,
        created_at=at,
        updated_at=at,
    )
    return replace(usual, **changes)


def failed(number: int, code: str) -> ListedJob:
    changed = job(
        number,
        status=JobStatus.FAILED,
        attempt=5,
        error_code=code,
        error_message=MESSAGES[code],
    )
    return ListedJob(changed, JobState.FAILED, "", number % 3 // 2)


def night() -> list[ListedJob]:
    """Some of each state, most of them failed while the parser was away."""
    listed = [failed(n, "parser_unavailable") for n in range(500)]
    listed += [failed(500 + n, "scan_without_text") for n in range(12)]
    listed += [failed(520, "pdf_encrypted")]
    listed += [
        ListedJob(job(600 + n, status=JobStatus.PROCESSING, attempt=1), JobState.PROCESSING, "w", 0)
        for n in range(2)
    ]
    listed += [ListedJob(job(610 + n), JobState.PENDING, "", 0) for n in range(7)]
    waits = datetime.now(UTC) + timedelta(seconds=95)
    retrying = job(
        620,
        attempt=2,
        next_retry_at=waits,
        error_code="parser_unavailable",
        error_message=MESSAGES["parser_unavailable"],
    )
    done = job(630, status=JobStatus.COMPLETED, attempt=1, resume_id=object_id(99), cv_data=CV_DATA)
    listed += [ListedJob(retrying, JobState.RETRYING, "", 0)]
    listed += [ListedJob(done, JobState.COMPLETED, "", 0)]
    return sorted(listed, key=lambda item: item.job.created_at, reverse=True)


def matches(listed: ListedJob, wanted: JobFilter) -> bool:
    own = listed.job
    return (
        wanted.state in {None, listed.state}
        and wanted.error_code in {"", own.error_code}
        and wanted.error_text.lower() in own.error_message.lower()
        and wanted.user_id in {"", own.user_id}
        and (not wanted.job_ids or own.id in wanted.job_ids)
    )


@dataclass
class Guard:
    """Lets in whoever it is told to."""

    operator: Operator = field(default_factory=lambda: Operator("minh.tran", Role.OPERATOR))

    def require(self, role: Role) -> Operator:
        if role is Role.OPERATOR and not self.operator.may_act:
            raise Forbidden("Your account may look at everything and change nothing.")
        return self.operator

    def csrf_token(self) -> str:
        return "the-csrf-token"


class Reads:
    def __init__(self, listed: list[ListedJob]) -> None:
        self.listed = listed

    def jobs(self, wanted: JobFilter, *, cursor: str | None, limit: int) -> JobPage:
        found = [item for item in self.listed if matches(item, wanted)]
        start = int(cursor or 0)
        more = len(found) > start + limit
        return JobPage(found[start : start + limit], str(start + limit) if more else None)

    def details(self, job_id: str) -> JobDetails | None:
        listed = next((item for item in self.listed if item.job.id == job_id), None)
        if listed is None:
            return None
        is_failed = listed.state is JobState.FAILED
        own = [item for item in self.listed if item.job.user_id == listed.job.user_id]
        completed = [item.job.id for item in own if item.state is JobState.COMPLETED]
        return JobDetails(
            listed,
            steps(listed.job),
            has_file=is_failed,
            last_success_id=next(iter(completed), ""),
            letter_id="0:3" if is_failed else "",
        )

    def file(self, job_id: str) -> bytes | None:
        details = self.details(job_id)
        return b"%PDF-1.7 ..." if details and details.has_file else None

    def failure_groups(self) -> list[FailureGroup]:
        found: dict[str, list[Job]] = {}
        for item in self.listed:
            if item.state is JobState.FAILED:
                found.setdefault(item.job.error_code, []).append(item.job)
        return [
            FailureGroup(
                code,
                len(jobs),
                min(one.created_at for one in jobs),
                max(one.created_at for one in jobs),
                jobs[0].id,
                jobs[0].error_message,
            )
            for code, jobs in sorted(found.items(), key=lambda item: -len(item[1]))
        ]

    def oldest_pending_at(self) -> datetime | None:
        waiting = [i.job.created_at for i in self.listed if i.state is JobState.PENDING]
        return min(waiting, default=None)

    def export(self, wanted: JobFilter) -> Iterator[ListedJob]:
        return (item for item in self.listed if matches(item, wanted))


def steps(of: Job) -> list[Step]:
    """The history of a job that a parser's outage ended, or of one that just went on."""
    at, place = of.created_at, RecordPlace("resume-parse-jobs", 3, 18_204)
    found = [Step(at, None, "pending", 0, "", "")]
    for attempt in range(1, of.attempt + 1):
        at += timedelta(seconds=2 * attempt)
        found.append(
            Step(at, "pending", "processing", attempt, "", "", "worker-1-4711", place, took_s=1.8)
        )
        if of.error_code:
            at += timedelta(seconds=30)
            ends = of.status is JobStatus.FAILED and attempt == of.attempt
            found.append(
                Step(
                    at,
                    "processing",
                    "failed" if ends else "pending",
                    attempt,
                    of.error_code,
                    of.error_message,
                    "worker-1-4711",
                    place,
                    trace=TRACE,
                    took_s=30.2,
                )
            )
    if of.status is JobStatus.COMPLETED:
        found.append(Step(at, "processing", "completed", of.attempt, "", "", "worker-1-4711"))
    return found


class Figures:
    def __init__(self, listed: list[ListedJob], completed: int = 1_000_000) -> None:
        self.listed = listed
        self.completed = completed

    def totals(self) -> Totals:
        states = Counter(item.state for item in self.listed)
        codes = Counter(i.job.error_code for i in self.listed if i.state is JobState.FAILED)
        return Totals(
            pending=states[JobState.PENDING] + states[JobState.RETRYING],
            retrying=states[JobState.RETRYING],
            processing=states[JobState.PROCESSING],
            completed=self.completed,
            failed=states[JobState.FAILED],
            failed_by_code=dict(codes),
            as_of=NOW,
        )

    def minutes(self, *, last: int) -> list[Minute]:
        first = NOW - timedelta(minutes=last - 1)
        if not self.listed:
            return [Minute(first + timedelta(minutes=n)) for n in range(last)]
        return [_minute(first + timedelta(minutes=n), last - n) for n in range(last)]


def _minute(at: datetime, ago: int) -> Minute:
    chance = random.Random(at.timestamp())
    is_out = 18 < ago < 44
    created, times = chance.randint(30, 55), [0] * (len(TIME_BOUNDS_S) + 1)
    done = 0 if is_out else created - chance.randint(0, 4)
    times[4], times[5], times[6] = done // 2, done // 3, done // 8
    scans = chance.choice((0, 0, 0, 1))
    outage = chance.randint(15, 25) if is_out else 0
    times[9] += outage
    codes = {"parser_unavailable": outage, "scan_without_text": scans}
    by_code = {code: count for code, count in codes.items() if count}
    return Minute(at, created, done, outage + scans, outage, 0, by_code, tuple(times))


@dataclass
class MemoryOperations:
    """Ends each operation at once, but those named in `running`."""

    reads: Reads
    known: dict[str, Operation] = field(default_factory=dict)
    by_request: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, list[OperationItem]] = field(default_factory=dict)
    #: How much of the next ones is done when somebody looks.
    share: float = 1.0

    def start(self, new: NewOperation, *, request_id: str) -> Operation:
        if request_id in self.by_request:
            return self.known[self.by_request[request_id]]
        operation_id = object_id(0x0B0000 + len(self.known))
        jobs = [item.job for item in self.reads.export(new.wanted)][: new.max_count]
        items = [self._item(number, one) for number, one in enumerate(jobs)]
        seen = items[: int(len(items) * self.share)]
        refusals = Counter(item.refusal for item in seen if item.refusal)
        is_done = self.share == 1
        operation = Operation(
            id=operation_id,
            asked=new,
            status=OperationStatus.DONE if is_done else OperationStatus.RUNNING,
            created_at=NOW,
            total=len(items),
            done=len(seen) - refusals.total(),
            refused=refusals.total(),
            refusals=dict(refusals),
            started_at=NOW,
            ended_at=NOW if is_done else None,
        )
        self.known[operation_id] = operation
        self.by_request[request_id] = operation_id
        self.outcomes[operation_id] = seen
        return operation

    def _item(self, number: int, one: Job) -> OperationItem:
        odd = {100: Refusal.HAS_RESUME, 200: Refusal.HAS_RESUME, 300: Refusal.FILE_GONE}
        return OperationItem(one.id, one.file_name, one.user_id, odd.get(number, ""), NOW)

    def get(self, operation_id: str) -> Operation | None:
        return self.known.get(operation_id)

    def recent(self, limit: int) -> list[Operation]:
        return list(self.known.values())[::-1][:limit]

    def stop(self, operation_id: str, operator: str) -> Operation | None:
        if operation_id not in self.known:
            return None
        assert operator
        stopped = replace(self.known[operation_id], status=OperationStatus.STOPPED)
        self.known[operation_id] = stopped
        return stopped

    def items(
        self, operation_id: str, *, only_refused: bool, cursor: str | None, limit: int
    ) -> tuple[list[OperationItem], str | None]:
        found = [i for i in self.outcomes[operation_id] if i.refusal or not only_refused]
        start = int(cursor or 0)
        more = len(found) > start + limit
        return found[start : start + limit], str(start + limit) if more else None


class MemoryAudit:
    def __init__(self) -> None:
        self.noted: list[AuditEntry] = []

    def note(
        self, operator: str, action: str, target: str, reason: str = "", **details: Any
    ) -> None:
        entry = AuditEntry(str(len(self.noted)), NOW, operator, action, target, reason, details)
        self.noted.insert(0, entry)

    def entries(self, *, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        start = int(cursor or 0)
        more = len(self.noted) > start + limit
        return self.noted[start : start + limit], str(start + limit) if more else None


@dataclass
class Queue:
    """A topic with its lanes, and two workers; or nothing that answers."""

    is_reachable: bool = True
    alive: Sequence[Mapping[str, Any]] = ()

    def lag(self) -> Sequence[tuple[str, int, int]] | None:
        main = "resume-parse-jobs"
        busy = [(main, n, n * 37 % 50) for n in range(6)]
        idle = [(f"{main}.{lane}", n, 0) for lane in ("vip", "retry-1m") for n in range(6)]
        return [*busy, *idle] if self.is_reachable else None

    def workers(self) -> Sequence[Mapping[str, Any]] | None:
        return self.alive if self.is_reachable else None

    def dead_letters(self) -> tuple[int, int] | None:
        return (515, 2) if self.is_reachable else None


def worker(number: int, running: int) -> dict[str, Any]:
    task = {
        "message_id": "m",
        "actor": "parse_resume",
        "queue": "resume-parse-jobs",
        "topic": "resume-parse-jobs",
        "partition": number,
        "offset": 18_230 + number,
        "running_s": 2.4,
    }
    return {
        "worker_id": f"worker-{number}-4711-abc",
        "host": f"worker-{number}.a-rather-long-name-of-a-host.internal.example",
        "pid": 4711 + number,
        "started_at": NOW.isoformat(),
        "threads": 6,
        "queues": ["resume-parse-jobs"],
        "partitions": {"resume-parse-jobs": [number, number + 3]},
        "running": [task] * running,
    }


class ClosedBreaker:
    def __init__(self, state: BreakerState | None = None) -> None:
        self.state = state or BreakerState("open", 5, 1310.0)

    def read(self) -> BreakerState:
        return self.state


@dataclass(frozen=True)
class Record:
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Letter:
    letter_id: str
    record: Record
    error_class: str = "tasks.kafka_broker.codec.DecodeError"
    error: str = "The value is not JSON: Expecting value: line 1 column 1 (char 0)"
    headers: Mapping[str, str | int | None] = field(
        default_factory=lambda: {
            "kafka_dlt-original-topic": "resume-parse-jobs",
            "kafka_dlt-original-partition": 3,
            "kafka_dlt-original-offset": 18204,
            "kafka_dlt-exception-stacktrace": TRACE,
        }
    )
    died_at: datetime = NOW - timedelta(hours=3)
    original_topic: str | None = "resume-parse-jobs"
    replays: int = 0
    is_handled: bool = False


class Letters:
    def __init__(self) -> None:
        self.is_reachable = True
        #: Where to look further when nothing was found.
        self.goes_on_at: str | None = None
        odd = Record(b"\x00\xffkey", "not JSON: \x00\x01 Xin chào".encode() + bytes(range(256)))
        plain = Record(b"k", b'{"job_id": "65f7a1234567890abcdef789"}')
        found = [Letter("0:3", plain), Letter("3:17", odd), Letter("4:2", Record(None, None))]
        self.known = {letter.letter_id: letter for letter in found}

    def job_of(self, letter: Letter) -> str | None:
        return object_id(3) if letter.letter_id == "0:3" else None

    def page(
        self, cursor: str | None, limit: int, *, unjobbed_only: bool
    ) -> tuple[list[Letter], str | None]:
        if not self.is_reachable:
            raise QueueUnavailableError
        found = [i for i in self.known.values() if i.letter_id != "0:3" or not unjobbed_only]
        start = int(cursor or 0)
        more = len(found) > start + limit
        return found[start : start + limit], str(start + limit) if more else self.goes_on_at

    def get(self, letter_id: str) -> Letter | None:
        if not self.is_reachable:
            raise QueueUnavailableError
        return self.known.get(letter_id)

    def replay(self, letter_id: str) -> bool:
        return self._handle(letter_id)

    def discard(self, letter_id: str) -> bool:
        return self._handle(letter_id)

    def _handle(self, letter_id: str) -> bool:
        letter = self.known[letter_id]
        self.known[letter_id] = replace(letter, is_handled=True)
        return not letter.is_handled


@dataclass(frozen=True)
class Lane:
    name: str
    topic: str
    is_paused: bool = False
    by: str = ""
    reason: str = ""
    at: datetime | None = None


class MemoryLanes:
    def __init__(self) -> None:
        lanes = [
            Lane("default", "resume-parse-jobs"),
            Lane("vip", "resume-parse-jobs.vip", True, "lan.pham", "Deploy", NOW),
        ]
        self.known = {lane.name: lane for lane in lanes}

    def all(self) -> list[Lane]:
        return list(self.known.values())

    def pause(self, name: str, operator: str, reason: str) -> bool:
        return self._set(name, operator, reason, is_paused=True)

    def unpause(self, name: str, operator: str, reason: str) -> bool:
        return self._set(name, operator, reason, is_paused=False)

    def _set(self, name: str, operator: str, reason: str, *, is_paused: bool) -> bool:
        before = self.known[name]
        self.known[name] = Lane(name, before.topic, is_paused, operator, reason, NOW)
        return before.is_paused != is_paused
