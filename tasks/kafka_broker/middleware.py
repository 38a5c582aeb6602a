"""What happens before and after a task, as far as the broker has a say in it."""

from collections.abc import Callable
from typing import Any

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware, Shutdown, SkipMessage

from tasks.kafka_broker.errors import PutBack
from tasks.kafka_broker.message import KafkaMessage


class DeadLetterOnFailure(Middleware):
    """A task that raises fails, and its record becomes a dead letter.

    dramatiq leaves that decision to its Retries; without any middleware that decides, a task that
    raised would be acknowledged. `PutBack`, dramatiq's Shutdown and the classes in `put_back_on`
    put the record back instead. dramatiq logs the classes in an actor's option `throws` without a
    traceback.
    """

    def __init__(self, *, put_back_on: tuple[type[BaseException], ...] = ()) -> None:
        self._put_back_on: tuple[type[BaseException], ...] = (PutBack, Shutdown, *put_back_on)

    @property
    def actor_options(self) -> set[str]:
        """The options that actors may have because of this."""
        return {"throws"}

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        """Decide the end of a message whose task raised."""
        if exception is None:
            return
        if isinstance(message, KafkaMessage) and isinstance(exception, self._put_back_on):
            message.put_back()
        else:
            message.fail()


class OwnershipGuard(Middleware):
    """Keeps a record that was prefetched, and whose partition went since, from being run here.

    The broker adds it by itself, in front of all others.
    """

    def __init__(self, *, stop_handing_out: Callable[[], None]) -> None:
        self._stop_handing_out = stop_handing_out

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Skip the message unless this process still owns it."""
        if isinstance(message, KafkaMessage) and not message.begin():
            message.put_back()
            raise SkipMessage("its partition has another owner, or this worker is stopping")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Begin no more tasks while the worker waits for those that run."""
        self._stop_handing_out()
