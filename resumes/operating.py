"""What operators see and do: the values that the dashboard, its API and its commands share.

The store makes them, the use cases of `operations.py` act on them, `webapp` shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from resumes.job import Job
from resumes.job_filter import JobFilter, JobState


class Role(StrEnum):
    """What an operator's account may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Operator:
    """Who is signed in at the dashboard."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """True when he may change anything."""
        return self.role is Role.OPERATOR


@dataclass(frozen=True)
class ListedJob:
    """A row of the job list."""

    job: Job
    state: JobState
    worker: str
    #: How often it was put back after it had failed; 0 for the first life.
    replays: int


@dataclass(frozen=True)
class JobPage:
    """Some jobs, newest first; `next_cursor` is None at the end."""

    jobs: list[ListedJob]
    next_cursor: str | None


@dataclass(frozen=True)
class RecordPlace:
    """Where a job's record lay on Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Step:
    """One transition in a job's history."""

    at: datetime
    #: None: the job was made.
    from_status: str | None
    to_status: str
    attempt: int
    #: The error's code, or what an operator did ("replayed", "discarded", "retried_now").
    reason: str
    error_message: str
    worker: str = ""
    place: RecordPlace | None = None
    #: Who, when a person did it.
    operator: str = ""
    #: The exception's way through the code; for operators only.
    trace: str = ""
    #: How long the job had been in `from_status`.
    took_s: float | None = None


@dataclass(frozen=True)
class JobDetails:
    """All that is known of one job; the `cv_data` in it is whole: mask it before showing."""

    listed: ListedJob
    steps: list[Step]
    has_file: bool
    #: Its user's newest job that was completed, perhaps this one; "" without one.
    last_success_id: str = ""
    #: "partition:offset" of its dead letter, when there is one.
    letter_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True)
class FailureGroup:
    """Failed jobs of one error code, discarded ones left out."""

    error_code: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    #: One of them, and what its user was told.
    sample_job_id: str
    sample_message: str


class OperationKind(StrEnum):
    """What an operator lets happen to jobs."""

    #: failed -> pending, with a new budget of attempts.
    REPLAY = "replay"
    #: A job that waits for its next attempt has it at once.
    RETRY_NOW = "retry_now"
    #: A failed job is given up for good, its file dropped.
    DISCARD = "discard"


class OperationStatus(StrEnum):
    """How far an operation is."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"

    @property
    def has_ended(self) -> bool:
        """True when nothing more happens."""
        return self in {OperationStatus.STOPPED, OperationStatus.DONE}


@dataclass(frozen=True)
class NewOperation:
    """What an operator asks for; `is_dry_run` only says what would happen."""

    kind: OperationKind
    wanted: JobFilter
    operator: str
    reason: str = ""
    is_dry_run: bool = False
    per_second: float = 50.0
    max_count: int | None = None
    #: The dry run that it was confirmed after; "" without one.
    after_dry_run: str = ""


@dataclass(frozen=True)
class Operation:
    """An operation and how far it is."""

    id: str
    asked: NewOperation
    status: OperationStatus
    created_at: datetime
    #: Jobs that matched when it was made; it goes through no others.
    total: int
    done: int = 0
    refused: int = 0
    #: Refusals by reason (`Refusal` values).
    refusals: Mapping[str, int] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: Why it stands still at the moment ("breaker_open", "queue_unavailable"), else "".
    waits_for: str = ""


class Refusal(StrEnum):
    """Why an action did nothing to a job."""

    HAS_RESUME = "already_has_resume"
    FILE_GONE = "file_gone"
    IN_FLIGHT = "job_in_flight"
    #: The operation replays a newer upload of the same user.
    NEWER_UPLOAD = "newer_upload"
    USER_UNKNOWN = "user_unknown"
    #: Its state is another now: somebody else was first, or a worker.
    CHANGED = "changed_meanwhile"
    DISCARDED = "discarded"
    #: Its user took it back.
    CANCELLED = "cancelled_by_user"
    UNKNOWN_JOB = "unknown_job"


@dataclass(frozen=True)
class OperationItem:
    """What became of one job; `refusal` is "" when it was done."""

    job_id: str
    file_name: str
    user_id: str
    refusal: str
    at: datetime


@dataclass(frozen=True)
class AuditEntry:
    """Who did what: append-only."""

    id: str
    at: datetime
    operator: str
    #: "signed_in", "job.replay", "operation.replay", "lane.pause", "resume.revealed", ...
    action: str
    #: What it was done to: a job's id, a filter in words, a lane.
    target: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
