"""The worker with one of its safeties switched off, to see that the checker finds it.

`BREAK=fence python -m tests.chaos.broken_worker` stands in for the Procfile's command. Test code:
it puts other functions in the place of the product's, which knows nothing of it.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

import store.claims
import store.transitions
import store.work
import worker
from resumes.job import Claim, JobStatus
from resumes.operating import Refusal
from store.job_actions import MongoJobActions
from tasks.kafka_broker import consuming
from tasks.kafka_broker.consumer import KafkaQueueConsumer
from tasks.kafka_broker.dead_letters import DeadLetters
from tasks.kafka_broker.delivery import Delivery
from tasks.kafka_broker.message import KafkaMessage


class _AckFirst(KafkaQueueConsumer):
    """Marks a record done when it is handed out."""

    def _open(self, delivery: Delivery) -> KafkaMessage | None:
        message = super()._open(delivery)
        self._finish(delivery)
        return message


class _NoLetters(DeadLetters):
    """Writes none."""

    def write(self, *_arguments: Any, **_more: Any) -> None:
        """Forget it."""


class _KeepsFiles(store.work.MongoWorkStore):
    """Leaves the bytes of completed jobs."""

    def complete(self, claim: Claim, *arguments: Any, **more: Any) -> None:
        """Complete, and store the file once more."""
        data = self.load_file(claim.job_id)
        super().complete(claim, *arguments, **more)
        document = {"_id": ObjectId(claim.job_id), "data": data, "created_at": datetime.now(UTC)}
        self._database["resume_files"].insert_one(document)


class _ForgetsReports(MongoJobActions):
    """Does not note for an operation what it did to a job."""

    def _note(self, *arguments: Any) -> None:
        """Note refusals alone."""
        if isinstance(arguments[3], Refusal):
            super()._note(*arguments)


def _ignore_fence() -> None:
    def held_by_anyone(claim: Claim) -> dict[str, Any]:
        return {"_id": ObjectId(claim.job_id)}

    anything = {status: frozenset(JobStatus) for status in JobStatus}
    vars(store.work).update(held_by=held_by_anyone)
    vars(store.transitions).update(TRANSITIONS=anything)


def _ignore_leases() -> None:
    vars(store.claims).update(_LEASE_HAS_EXPIRED={"$literal": True})


def _forget_events() -> None:
    record = store.transitions.record_event

    def record_ends_only(*arguments: Any, to: JobStatus, **more: Any) -> None:
        if to is not JobStatus.PROCESSING:
            record(*arguments, to=to, **more)

    vars(store.transitions).update(record_event=record_ends_only)


BREAKS: dict[str, Callable[[], None]] = {
    "ack": lambda: vars(consuming).update(KafkaQueueConsumer=_AckFirst),
    "dead-letter": lambda: vars(consuming).update(DeadLetters=_NoLetters),
    "events": _forget_events,
    "fence": _ignore_fence,
    "files": lambda: vars(worker).update(MongoWorkStore=_KeepsFiles),
    "leases": _ignore_leases,
    "reports": lambda: vars(worker).update(MongoJobActions=_ForgetsReports),
}

if __name__ == "__main__":
    BREAKS[os.environ["BREAK"]]()
    sys.exit(worker.main())
