"""The core's ParseQueue: enqueue the actor and wait for Kafka's acknowledgement."""

import dramatiq
from dramatiq.errors import BrokerConnectionError

from resumes.errors import PublishFailedError
from resumes.job import Job


class ActorParseQueue:
    """One per web process; safe for concurrent calls."""

    def __init__(self, actor: dramatiq.Actor[..., None]) -> None:
        self._actor = actor

    def publish(self, job: Job, traceparent: str) -> None:
        """Return when Kafka has acknowledged the record; raise PublishFailedError otherwise."""
        try:
            self._actor.send_with_options(
                kwargs={"job_id": job.id, "user_id": job.user_id, "file_name": job.file_name},
                key=job.id,
                traceparent=traceparent,
            )
        except BrokerConnectionError as error:
            raise PublishFailedError from error
