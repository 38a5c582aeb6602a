"""Which of an operator's actions a job allows, and why not. Pure: dry runs say what acting does."""

from collections.abc import Collection
from dataclasses import dataclass

from resumes.job import JobStatus
from resumes.job_filter import FilterError, JobFilter, JobState
from resumes.operating import OperationKind, Refusal

#: What a replay of the user's newer upload leads to, sooner or later.
_BY_ANOTHER_JOB = {None, Refusal.IN_FLIGHT, Refusal.HAS_RESUME}


@dataclass(frozen=True)
class JobFacts:
    """What decides whether something may be done to a job."""

    user_id: str
    status: JobStatus
    is_discarded: bool
    #: By its user.
    is_cancelled: bool
    #: Pending, and its next attempt is not due yet.
    is_waiting: bool
    has_file: bool
    user_exists: bool
    has_resume: bool
    #: Another job of his is pending or processing.
    has_job_in_flight: bool


def refusal_of(kind: OperationKind, facts: JobFacts | None) -> Refusal | None:
    """Return why it can't be done to the job now; None when it can."""
    if facts is None:
        return Refusal.UNKNOWN_JOB
    if kind is OperationKind.RETRY_NOW:
        return None if facts.is_waiting else Refusal.CHANGED
    if facts.status is not JobStatus.FAILED:
        return Refusal.CHANGED
    if facts.is_discarded:
        return Refusal.DISCARDED
    if facts.is_cancelled:
        return Refusal.CANCELLED
    return _replay_refusal(facts) if kind is OperationKind.REPLAY else None


def refusal_after(
    kind: OperationKind, facts: JobFacts | None, users_done: Collection[str]
) -> Refusal | None:
    """The same within an operation, which has done a newer job of each of these users."""
    refusal = refusal_of(kind, facts)
    if kind is not OperationKind.REPLAY or facts is None or facts.user_id not in users_done:
        return refusal
    return Refusal.NEWER_UPLOAD if refusal in _BY_ANOTHER_JOB else refusal


def _replay_refusal(facts: JobFacts) -> Refusal | None:
    obstacles = {
        Refusal.FILE_GONE: not facts.has_file,
        Refusal.USER_UNKNOWN: not facts.user_exists,
        Refusal.HAS_RESUME: facts.has_resume,
        Refusal.IN_FLIGHT: facts.has_job_in_flight,
    }
    return next((refusal for refusal, is_so in obstacles.items() if is_so), None)


def narrowed(kind: OperationKind, wanted: JobFilter) -> JobFilter:
    """Return the filter with the state that the action takes, unless jobs are named one by one.

    Those are gone through whatever became of them, so that each has its reason. Raises FilterError
    for a filter of jobs to which the action is never done.
    """
    state = JobState.RETRYING if kind is OperationKind.RETRY_NOW else JobState.FAILED
    if wanted.state not in {None, state}:
        raise FilterError(f"state: {kind} is done to {state} jobs, not to {wanted.state} ones")
    return wanted if wanted.job_ids else wanted.with_(state=state)
