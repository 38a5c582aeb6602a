"""Use case: go through an operation's jobs, the newest first, a slice at a time, at its pace.

Runs in a worker thread, once per record of the operations' queue. The operation's document has a
lease, so that two never run it, and a turn that rises with each record, so that a record that
comes twice does nothing. What became of a job is noted in the transaction that changes the job: a
slice that dies anywhere is gone on with by the next, and nothing is skipped or counted twice.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from resumes.breaker import BreakerState
from resumes.eligibility import JobFacts, refusal_after
from resumes.errors import (
    PublishFailedError,
    QueueUnavailableError,
    RunLaterError,
    StoppedEarlyError,
)
from resumes.operating import Operation, OperationKind, OperationStatus, Refusal
from resumes.operation_ports import (
    ActionStore,
    Busy,
    Doing,
    Held,
    OperationLostError,
    RunStore,
    Turn,
)
from resumes.operations import ActOnJob
from resumes.pace import Pace
from resumes.ports import ParseQueue

_SLICE_S = 5.0
#: How often it is looked whether to go on, and for how long a slower pace is waited for here.
_LOOK_INTERVAL_S = 1.0
#: How soon a breaker that is not closed is looked at again.
_BREAKER_LOOK_S = 2.0
_BATCH = 100
_DRY_BATCH = 500

BREAKER_OPEN = "breaker_open"


@dataclass(frozen=True)
class RunOperation:
    """Run slices; one per worker process, safe for concurrent calls.

    `pause(seconds)` waits and returns True when the process is stopping.
    """

    operations: RunStore
    jobs: ActionStore
    queue: ParseQueue
    is_queue_reachable: Callable[[], bool]
    breaker: Callable[[], BreakerState]
    breaker_pause_s: float
    pause: Callable[[float], bool]
    clock: Callable[[], float] = time.monotonic

    def run(self, operation_id: str, turn: int) -> Turn | None:
        """Go on with the operation; return the turn to send, None when there is none.

        Raises RunLaterError (another may have it), QueueUnavailableError, StoppedEarlyError or
        StoreUnavailableError: the same record must come again.
        """
        held = self.operations.take(operation_id, turn)
        if isinstance(held, Busy):
            raise RunLaterError(held.wait_s)
        if held is None:
            return None
        try:
            return self._run_slice(held)
        except OperationLostError:
            return None
        except (QueueUnavailableError, StoppedEarlyError) as error:
            waits_for = error.code if isinstance(error, QueueUnavailableError) else ""
            self.operations.release(held, Turn(held.turn, 0), waits_for=waits_for)
            raise

    def _run_slice(self, held: Held) -> Turn | None:
        pace = Pace(held.operation.asked.per_second, self.clock)
        ends_at = self.clock() + _SLICE_S
        while True:
            breaker = self._breaker(held.operation)
            held = self.operations.keep(held, waits_for=breaker.waits_for)
            if held.operation.status is OperationStatus.STOPPING:
                self.operations.end(held, OperationStatus.STOPPED)
                return None
            if breaker.wait_s:
                return self._later(held, breaker)
            if self.clock() >= ends_at:
                self._pause(pace.wait_s())
                return self._later(held, _Obstacle())
            if not held.is_listed:
                self.operations.list_jobs(held)
                continue
            batch = self.operations.waiting(held.operation.id, _size(held.operation))
            if not batch:
                self.operations.end(held, OperationStatus.DONE)
                return None
            obstacle = self._go_through(held.operation, batch, pace, only_one=breaker.only_one)
            if obstacle is not None:
                return self._later(held, obstacle)

    def _go_through(
        self, operation: Operation, batch: list[str], pace: Pace, *, only_one: bool
    ) -> "_Obstacle | None":
        """Deal with these jobs until it is time to look round; say what then is to wait for."""
        if operation.asked.is_dry_run:
            self._look_at(operation, batch)
            return None
        if self._act_on(operation, batch, pace, only_one=only_one):
            return _Obstacle(BREAKER_OPEN, wait_s=_BREAKER_LOOK_S)
        wait_s = pace.wait_s()
        return _Obstacle(wait_s=wait_s) if wait_s > _LOOK_INTERVAL_S else None

    def _look_at(self, operation: Operation, batch: list[str]) -> None:
        """Note what would become of these jobs."""
        facts = self.jobs.facts(batch)
        users_done = self._users_done(operation, facts)
        outcomes: dict[str, Refusal | None] = {}
        for job_id in batch:
            refusal = refusal_after(operation.asked.kind, facts.get(job_id), users_done)
            if refusal is None:
                users_done.add(facts[job_id].user_id)
            outcomes[job_id] = refusal
        self.operations.note(operation.id, outcomes)

    def _act_on(
        self, operation: Operation, batch: list[str], pace: Pace, *, only_one: bool
    ) -> bool:
        """Act on these jobs until it is time to look round; True when `only_one` was done."""
        asked, facts = operation.asked, self.jobs.facts(batch)
        users_done = self._users_done(operation, facts)
        refusals = {
            job_id: refusal
            for job_id in batch
            if (refusal := refusal_after(asked.kind, facts.get(job_id), users_done)) is not None
        }
        if refusals:
            # Nothing is done to them, so they need no turn of the pace.
            self.operations.note(operation.id, refusals)
        doing = Doing(asked.operator, asked.reason, operation.id)
        act = ActOnJob(self.jobs, self.queue).act
        looks_at = self.clock() + _LOOK_INTERVAL_S
        for job_id in [job_id for job_id in batch if job_id not in refusals]:
            overtaken = refusal_after(asked.kind, facts[job_id], users_done)
            if overtaken is not None:
                self.operations.note(operation.id, {job_id: overtaken})
                continue
            if self.clock() + pace.wait_s() > looks_at:
                return False
            self._pause(pace.wait_s())
            pace.take()
            try:
                refusal = act(asked.kind, job_id, doing)
            except PublishFailedError as error:
                raise QueueUnavailableError from error
            if refusal is None:
                users_done.add(facts[job_id].user_id)
                if only_one:
                    return True
        return False

    def _users_done(self, operation: Operation, facts: Mapping[str, JobFacts]) -> set[str]:
        """Return the users of these jobs of whom a newer job is done: that one they want read."""
        users = {one.user_id for one in facts.values()}
        return self.operations.users_done(operation.id, users)

    def _breaker(self, operation: Operation) -> "_Obstacle":
        """Say whether jobs may be sent to the parser; raise QueueUnavailableError without Kafka."""
        asked = operation.asked
        if asked.is_dry_run or asked.kind is OperationKind.DISCARD:
            return _Obstacle()
        if not self.is_queue_reachable():
            raise QueueUnavailableError
        state = self.breaker()
        if state.state == "closed":
            return _Obstacle()
        left_s = self.breaker_pause_s - (state.age_s or 0) if state.state == "open" else 0.0
        if left_s > 0 or state.probe_s:
            return _Obstacle(BREAKER_OPEN, wait_s=min(max(left_s, 0.1), _BREAKER_LOOK_S))
        # Somebody has to find out whether the parser is back, and there may be no other job.
        return _Obstacle(BREAKER_OPEN, only_one=True)

    def _later(self, held: Held, obstacle: "_Obstacle") -> Turn:
        turn = Turn(held.turn + 1, obstacle.wait_s)
        self.operations.release(held, turn, waits_for=obstacle.waits_for)
        return turn

    def _pause(self, seconds: float) -> None:
        if self.pause(seconds):
            raise StoppedEarlyError


class _Obstacle(NamedTuple):
    """What keeps an operation from going on, or (`only_one`) from going on as usual."""

    waits_for: str = ""
    wait_s: float = 0.0
    only_one: bool = False


def _size(operation: Operation) -> int:
    """Return how many jobs to look at: what a second allows, and more where nothing is done."""
    asked = operation.asked
    return _DRY_BATCH if asked.is_dry_run else min(_BATCH, math.ceil(asked.per_second))
