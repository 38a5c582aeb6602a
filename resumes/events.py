"""A job's transition as the browser is told of it."""

from dataclasses import dataclass
from typing import Any

from resumes.job import JobStatus


@dataclass(frozen=True)
class JobEvent:
    """One transition, or the present state when a client connects."""

    id: str
    job_id: str
    user_id: str
    status: JobStatus
    rev: int
    error_message: str = ""
    resume_id: str = ""
    cv_data: dict[str, Any] | None = None

    def message(self) -> dict[str, Any]:
        """Return the WebSocket message: all five members of the payload, always."""
        return {
            "type": "job_status",
            "id": self.id,
            "payload": {
                "job_id": self.job_id,
                "status": str(self.status),
                "error_message": self.error_message,
                "resume_id": self.resume_id,
                "cv_data": self.cv_data if self.status is JobStatus.COMPLETED else None,
            },
        }
