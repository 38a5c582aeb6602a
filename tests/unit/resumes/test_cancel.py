"""What a user is told who cancels."""

from dataclasses import replace

import pytest

from resumes.cancel import CANCELLED, MESSAGE, CancelTooLateError, JobEndedError, cancel_job
from resumes.errors import ResumeError
from resumes.job import Job, JobStatus
from tests.unit.resumes.jobs import WAITING


class Jobs:
    """One job, which only its user has."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def get(self, job_id: str, user_id: str) -> Job | None:
        return self.job if (job_id, user_id) == (self.job.id, self.job.user_id) else None

    def cancel(self, job_id: str, user_id: str, code: str, message: str) -> bool:
        if self.get(job_id, user_id) is None or self.job.status is not JobStatus.PENDING:
            return False
        failed = JobStatus.FAILED
        self.job = replace(self.job, status=failed, error_code=code, error_message=message)
        return True


def test_a_waiting_job_is_cancelled_and_a_second_time_is_the_same() -> None:
    jobs = Jobs(WAITING)
    once = cancel_job(jobs, WAITING.id, WAITING.user_id)

    assert once
    assert (once.status, once.error_code, once.error_message) == ("failed", CANCELLED, MESSAGE)
    assert cancel_job(jobs, WAITING.id, WAITING.user_id) == once


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (JobStatus.PROCESSING, CancelTooLateError),
        (JobStatus.COMPLETED, JobEndedError),
        (JobStatus.FAILED, JobEndedError),
    ],
)
def test_what_runs_or_has_ended_is_left_alone(status: JobStatus, error: type[ResumeError]) -> None:
    jobs = Jobs(replace(WAITING, status=status))

    with pytest.raises(error):
        cancel_job(jobs, WAITING.id, WAITING.user_id)
    assert jobs.job.status is status


def test_anothers_job_is_nobodys() -> None:
    jobs = Jobs(WAITING)

    assert cancel_job(jobs, WAITING.id, "8" * 24) is None
    assert jobs.job.status is JobStatus.PENDING
