"""Use cases: an operator acts on one job, or starts, watches and stops an operation on many.

Runs in the web process and in commands. State first, then produce: whoever dies in between leaves a
job or an operation that is due, and the rescuer publishes it.
"""

import math
from dataclasses import replace

from resumes.eligibility import narrowed
from resumes.errors import PublishFailedError
from resumes.job_filter import FilterError
from resumes.operating import (
    NewOperation,
    Operation,
    OperationItem,
    OperationKind,
    Refusal,
)
from resumes.operation_ports import ActionStore, Doing, OperationQueue, OperationStore
from resumes.ports import ParseQueue

MAX_PER_SECOND = 1000.0
MAX_COUNT = 10_000_000


class ActOnJob:
    """Do one thing to one job; safe for concurrent calls."""

    def __init__(self, jobs: ActionStore, queue: ParseQueue) -> None:
        self._jobs = jobs
        self._queue = queue

    def act(self, kind: OperationKind, job_id: str, doing: Doing) -> Refusal | None:
        """Return why nothing was done; None when it is done, now or before."""
        before = self._jobs.act(kind, job_id, doing)
        if isinstance(before, Refusal):
            return before
        if before is not None and kind is not OperationKind.DISCARD:
            self._queue.publish(before, "")
        return None

    def act_alone(self, kind: OperationKind, job_id: str, doing: Doing) -> Refusal | None:
        """Do the same where nobody waits for the queue: the rescuer publishes what was not."""
        try:
            return self.act(kind, job_id, doing)
        except PublishFailedError:
            return None


class Operations:
    """What operators let happen to jobs; one per process, safe for concurrent calls."""

    def __init__(self, store: OperationStore, queue: OperationQueue) -> None:
        self._store = store
        self._queue = queue

    def start(self, new: NewOperation, *, request_id: str = "") -> Operation:
        """Begin it; the second time with the same `request_id` return what the first began.

        Raises FilterError.
        """
        if not (math.isfinite(new.per_second) and 0 < new.per_second <= MAX_PER_SECOND):
            raise FilterError(f"per_second: a number above 0 and at most {MAX_PER_SECOND:.0f}")
        if new.max_count is not None and not 1 <= new.max_count <= MAX_COUNT:
            raise FilterError(f"max_count: from 1 to {MAX_COUNT}")
        new = replace(new, wanted=narrowed(new.kind, new.wanted))
        operation, is_new = self._store.add(new, request_id)
        if is_new:
            try:
                self._queue.send(operation.id, 0)
            except PublishFailedError:
                return operation  # it is due: the rescuer sends it
        return operation

    def get(self, operation_id: str) -> Operation | None:
        """Return an operation."""
        return self._store.get(operation_id)

    def recent(self, limit: int) -> list[Operation]:
        """Return the latest ones, the newest first."""
        return self._store.recent(limit)

    def stop(self, operation_id: str, operator: str) -> Operation | None:
        """Let it end after the job it is at; what has ended stays as it is."""
        return self._store.stop(operation_id, operator)

    def items(
        self, operation_id: str, *, only_refused: bool, cursor: str | None, limit: int
    ) -> tuple[list[OperationItem], str | None]:
        """Return what became of some of its jobs, and where the next ones begin."""
        return self._store.items(
            operation_id, only_refused=only_refused, cursor=cursor, limit=limit
        )
