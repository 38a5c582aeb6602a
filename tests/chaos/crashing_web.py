"""The web process, but that gunicorn's worker ends at the point that `CRASH_AT` names.

`gunicorn -c gunicorn.conf.py tests.chaos.crashing_web:app` stands in for the Procfile's command.
Only then is wsgi.py imported, so that it finds the other classes.
"""

from resumes.job import Job
from resumes.ports import NewJob
from store import uploads
from tasks import queue
from tests.chaos.crash_points import CrashPoint

_POINT = CrashPoint()


class CrashingUploads(uploads.MongoUploadStore):
    """Ends the process once the job is stored."""

    def open(self, new_job: NewJob, data: bytes) -> Job:
        """Open the job, and perhaps end."""
        job = super().open(new_job, data)
        _POINT("after_insert_before_publish")
        return job


class CrashingQueue(queue.ActorParseQueue):
    """Ends the process once Kafka has the record."""

    def publish(self, job: Job, traceparent: str) -> None:
        """Publish, and perhaps end."""
        super().publish(job, traceparent)
        _POINT("after_publish_before_answer")


vars(uploads).update(MongoUploadStore=CrashingUploads)
vars(queue).update(ActorParseQueue=CrashingQueue)

from wsgi import app  # noqa: E402  # after the classes that it is to find

__all__ = ["app"]
