"""What the broker itself has to say before a task."""

from collections.abc import Callable

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.worker import _WorkerMiddleware

from .message import KafkaMessage
from .work_queue import WorkQueue


class OwnershipGuard(Middleware):
    """Keeps a record that was prefetched, and whose partition went since, from being run here.

    The broker calls it by itself, before all others.
    """

    def __init__(self, *, stop_handing_out: Callable[[], None]) -> None:
        self._stop_handing_out = stop_handing_out

    @property
    def actor_options(self) -> set[str]:
        """The options that actors may have because of the broker."""
        return {"lane"}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Let the worker's threads take their messages themselves."""
        worker.work_queue = WorkQueue(worker)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Skip the message unless this process still owns it."""
        if isinstance(message, KafkaMessage) and not message.begin():
            message.put_back()
            raise SkipMessage("its partition has another owner, or this worker is stopping")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Begin no more tasks while the worker waits for those that run."""
        self._stop_handing_out()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Forget the worker, which would begin to consume each queue that is declared later."""
        broker.middleware[:] = [
            one
            for one in broker.middleware
            if not (isinstance(one, _WorkerMiddleware) and one.worker is worker)
        ]
