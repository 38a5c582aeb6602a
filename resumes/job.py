"""A job: the record of one upload's way from PDF to resume, and the rules of its status.

`pending -> processing -> completed | failed`, and back to `pending` while a transient failure
waits for its next attempt, or when an operator replays a failed job. The store makes each
transition one compare-and-set on (status, attempt); `rev` counts a job's transitions from 1, so a
reader can put them in order.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

#: 10 MB as the customer counts it: exactly this size is accepted.
MAX_FILE_BYTES = 10 * 1024 * 1024

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


class JobStatus(StrEnum):
    """All statuses there are."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """True when the job has ended; only an operator lets anything follow."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED}


#: From a status to those that may follow it. An expired lease makes `processing` follow itself. The
#: rest are an operator's: `failed` is replayed or (staying what it is) discarded, and `pending`
#: follows itself when a job need not wait for its next attempt any more.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset(
        {JobStatus.PROCESSING, JobStatus.PENDING, JobStatus.COMPLETED, JobStatus.FAILED}
    ),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.PENDING, JobStatus.FAILED}),
}


@dataclass(frozen=True)
class Job:
    """A job as a reader sees it; the file's bytes are loaded apart."""

    id: str
    user_id: str
    file_name: str
    status: JobStatus
    attempt: int
    max_attempts: int
    rev: int
    size_bytes: int
    sha256: str
    created_at: datetime
    updated_at: datetime
    error_code: str = ""
    error_message: str = ""
    resume_id: str = ""
    cv_data: dict[str, Any] | None = None
    next_retry_at: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """One attempt's right to change a job: `attempt` is the fencing token.

    `counted` is how many attempts count so far, this one included: one that a closed-off parser
    cut short does not. `counted_before` is how many of them were before the last replay.
    """

    job_id: str
    user_id: str
    file_name: str
    attempt: int
    counted: int
    max_attempts: int
    counted_before: int = 0

    @property
    def forgiven(self) -> int:
        """How many attempts did not count."""
        return self.attempt - self.counted

    @property
    def is_last(self) -> bool:
        """True when the job ends with this attempt, whatever comes of it."""
        return self.counted >= self.max_attempts


def is_object_id(value: object) -> bool:
    """True for 24 lower-case hex digits, the only form in which ids are accepted."""
    return isinstance(value, str) and _OBJECT_ID.fullmatch(value) is not None


def resume_id_of(job_id: str) -> str:
    """Return the id of the resume that the job makes: the same at every attempt.

    The job's own id with the last bit of its timestamp part's first byte turned, so that the two
    collections never share an id, yet a second completion can't make a second resume.
    """
    return f"{int(job_id[:2], 16) ^ 0x80:02x}{job_id[2:]}"
