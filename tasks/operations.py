"""The task that runs operators' operations, on a queue of its own: a slice, then the next record.

Runs on dramatiq's worker threads. What can't go on now comes again as the same record: `PutBack`
leaves it where it is, `Retry` sends it to the delay tiers.
"""

from collections.abc import Callable

import dramatiq
import structlog
from dramatiq.errors import Retry

from resumes.errors import (
    PublishFailedError,
    QueueUnavailableError,
    RunLaterError,
    StoppedEarlyError,
    StoreUnavailableError,
)
from resumes.operation_ports import Turn
from resumes.run_operation import RunOperation
from tasks.kafka_broker import KafkaBroker, PutBack
from tasks.queue import ActorQueue, to_ms

log = structlog.get_logger(__name__)

RUN_OPERATION = "run_operation"


def operations_queue(queue_name: str) -> str:
    """Return the name of the operations' queue beside the jobs'."""
    return f"{queue_name}.operations"


def declare_run_operation(
    broker: KafkaBroker, queue_name: str, run: Callable[[str, int], Turn | None]
) -> dramatiq.Actor[..., None]:
    """Declare the actor; `queue_name` is the jobs' queue, `run(operation_id, turn)` does the work.

    It returns the turn to go on with, which the actor sends. Who only sends operations declares it
    too; there `run` is never called.
    """
    queue = operations_queue(queue_name)

    @dramatiq.actor(actor_name=RUN_OPERATION, queue_name=queue, broker=broker)
    def run_operation(operation_id: str, turn: int) -> None:
        following = run(operation_id, turn)
        if following is None:
            return
        try:
            ActorOperationQueue(run_operation).send(
                operation_id, following.number, delay_s=following.delay_s
            )
        except PublishFailedError:
            # It is due: the rescuer sends it.
            log.warning("operation.not_sent", operation_id=operation_id)

    return run_operation


class ActorOperationQueue(ActorQueue):
    """The operations' queue."""

    def send(self, operation_id: str, turn: int, *, delay_s: float = 0) -> None:
        """Return when Kafka has acknowledged the record; raise PublishFailedError otherwise."""
        delay_ms = to_ms(delay_s) if delay_s else None
        self._send(operation_id, {"operation_id": operation_id, "turn": turn}, delay=delay_ms)


class OperationRunner:
    """Runs the use case for one record."""

    def __init__(self, run_operation: RunOperation) -> None:
        self._run_operation = run_operation

    def __call__(self, operation_id: str, turn: int) -> Turn | None:
        """Run a slice and return the turn it goes on with; raise what the broker must know."""
        try:
            following = self._run_operation.run(operation_id, turn)
        except RunLaterError as later:
            raise Retry(delay=to_ms(later.delay_s)) from None
        except (StoreUnavailableError, QueueUnavailableError, StoppedEarlyError) as error:
            log.warning("operation.put_back", operation_id=operation_id, code=error.code)
            raise PutBack from error
        log.info("operation.slice_ended", operation_id=operation_id, turn=turn)
        return following
