"""From a document of `job_events` to the frames of the user's connections.

On the data's way: change_stream -> FAN_OUT -> hub. Runs in the change stream's thread. Promises:
nothing is read from the database for a user who is not connected to this process.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from bson import ObjectId

from realtime.frames import frame_of
from realtime.hub import Hub
from resumes.events import JobEvent

log = structlog.get_logger(__name__)

#: Event ids begin with the writer's clock, in seconds: this is how far clocks may be apart.
_CLOCK_SKEW = timedelta(minutes=1)
#: What a document of an unexpected shape raises on its way to a frame.
_MALFORMED = (LookupError, TypeError, ValueError)


class Jobs(Protocol):
    """The jobs as the realtime layer reads them. Both may raise StoreUnavailableError."""

    def event_from_document(self, document: Mapping[str, Any]) -> JobEvent:
        """Return the event of a `job_events` document, with `cv_data` if it completed the job."""

    def snapshot(self, user_id: str, since: str | None) -> list[JobEvent]:
        """Return the present state of the user's unfinished jobs and of those that ended lately.

        Lately: after the event with the id `since`, else within the catch-up window. Oldest first.
        """


class FanOut:
    """Hands what happened to those it concerns."""

    def __init__(self, hub: Hub, jobs: Jobs) -> None:
        self._hub = hub
        self._jobs = jobs

    def deliver(self, document: Mapping[str, Any]) -> None:
        """Publish one event to its user's connections; raises StoreUnavailableError."""
        try:
            self._deliver(str(document["user_id"]), document)
        except _MALFORMED:
            # One bad document must not hold up everybody else's.
            log.exception("ws.event_malformed", event_id=str(document.get("_id")))

    def resync(self, blind_since: datetime) -> None:
        """Tell each connected user the present state: events since then may not have come."""
        since = str(ObjectId.from_datetime(blind_since - _CLOCK_SKEW))
        for user_id in self._hub.users():
            try:
                self._resync(user_id, since)
            except _MALFORMED:
                log.exception("ws.snapshot_malformed", user_id=user_id)

    def _deliver(self, user_id: str, document: Mapping[str, Any]) -> None:
        if not self._hub.has(user_id):
            log.info("ws.no_client", job_id=str(document["job_id"]), user_id=user_id)
            return
        event = self._jobs.event_from_document(document)
        taken = self._hub.publish(user_id, frame_of(event))
        log.info(
            "ws.published",
            job_id=event.job_id,
            user_id=user_id,
            status=str(event.status),
            connections=taken,
        )

    def _resync(self, user_id: str, since: str) -> None:
        for event in self._jobs.snapshot(user_id, since):
            self._hub.publish(user_id, frame_of(event))
