"""A job for tests of the core."""

from datetime import UTC, datetime

from resumes.job import Job, JobStatus

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WAITING = Job(
    id="6" * 24,
    user_id="7" * 24,
    file_name="resume.pdf",
    status=JobStatus.PENDING,
    attempt=0,
    max_attempts=5,
    rev=1,
    size_bytes=1,
    sha256="0" * 64,
    created_at=NOW,
    updated_at=NOW,
)
