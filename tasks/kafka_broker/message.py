"""A message with the record it came from: what dramatiq's workers hold in their hands.

It carries its own assignment and `Inbox`, so that an acknowledgement needs no look-up and cannot
reach the wrong one, whichever consumer of the queue it is given to. Used by one worker at a time.
"""

from typing import Any

from dramatiq import Message, MessageProxy

from .codec import IncomingRecord, OutgoingRecord
from .delivery import Delivery


class KafkaMessage(MessageProxy):
    """A dramatiq message that knows its place on Kafka."""

    def __init__(self, message: Message[Any], delivery: Delivery) -> None:
        super().__init__(message)
        # MessageProxy looks each of these up by name, some twenty times for a task.
        self.__dict__.update(message.__dict__)
        self.delivery = delivery
        self._is_put_back = False
        self._is_under_way = False
        #: What its task's end should have sent and could not: `ack` and `nack` try again.
        self.unsent: list[OutgoingRecord] = []
        #: Where its dead letter lies, `partition:offset`, from `after_nack` on; None without one.
        self.letter_id: str | None = None

    def __str__(self) -> str:
        # dramatiq logs it, with the arguments, which may be personal data.
        return f"{self.actor_name}({self.message_id})"

    @property
    def record(self) -> IncomingRecord:
        """The record as it was read."""
        return self.delivery.record

    @property
    def error(self) -> BaseException | None:
        """What the task raised, while the message is being ended."""
        return self._exception

    @property
    def is_put_back(self) -> bool:
        """True when the message is to end neither as done nor as failed."""
        return self._is_put_back

    @property
    def is_under_way(self) -> bool:
        """True from when its task may begin until all middleware heard how it ended."""
        return self._is_under_way

    @property
    def is_owned(self) -> bool:
        """True while this process owns the record's partition and its end still counts."""
        return not self.delivery.assignment.is_fenced

    def put_back(self) -> None:
        """Make the coming `ack` leave the record unfinished, to be handed out again."""
        self._is_put_back = True

    def begin(self) -> bool:
        """Claim the right to run; False when the record is another owner's by now."""
        self._is_under_way = self.delivery.inbox.begin(self.delivery)
        return self._is_under_way

    def end(self) -> None:
        """Note that all is said about how the task ended."""
        self._is_under_way = False
