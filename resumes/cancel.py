"""Use case: a user takes an upload back before anybody has begun to read it.

The job ends as `failed` with the code `cancelled`; its record, which may still be on its way, finds
it ended and is acknowledged without effect. The day's quota is not given back: the upload has cost
a stored file and a record, and who could have it back could upload and cancel without end.
"""

from typing import Protocol

from resumes.errors import ResumeError
from resumes.job import Job, JobStatus

CANCELLED = "cancelled"
MESSAGE = "You cancelled this upload. You can upload again at any time."


class CancelTooLateError(ResumeError):
    """A worker has the job, so it runs to its end."""

    code = "job_processing"
    advice = "Your resume is being read already, so the upload can't be cancelled any more."


class JobEndedError(ResumeError):
    """The job is completed or failed."""

    code = "job_ended"
    advice = "This upload has ended, so there is nothing left to cancel."


class CancelStore(Protocol):
    """Durable state as cancelling sees it. Every method may raise StoreUnavailableError."""

    def get(self, job_id: str, user_id: str) -> Job | None:
        """Return the user's job; None when it is unknown or another user's."""

    def cancel(self, job_id: str, user_id: str, code: str, message: str) -> bool:
        """End the user's pending job and drop its file; False when he has no pending one."""


def cancel_job(jobs: CancelStore, job_id: str, user_id: str) -> Job | None:
    """Cancel the user's job and return it; None when he has none of that id.

    Raises CancelTooLateError or JobEndedError. To cancel once more changes nothing, so a client
    that lost the answer may ask again.
    """
    has_changed = jobs.cancel(job_id, user_id, CANCELLED, MESSAGE)
    job = jobs.get(job_id, user_id)
    if job is None or has_changed or job.error_code == CANCELLED:
        return job
    if job.status is JobStatus.COMPLETED or job.status is JobStatus.FAILED:
        raise JobEndedError
    raise CancelTooLateError
