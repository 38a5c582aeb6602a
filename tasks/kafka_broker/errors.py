"""What can go wrong between dramatiq and Kafka, each with what to do about it.

dramatiq retries `ack` and `nack` on its `BrokerConnectionError` only and swallows or dies of
anything else, so every kafka-python error is translated here before it leaves the package.
"""

from typing import Any

from dramatiq import Message
from dramatiq.errors import ConnectionClosed, ConnectionFailed, DramatiqError


class KafkaBrokerError(DramatiqError):
    """The root of this package's own errors."""

    def __init__(self, message: str) -> None:
        super().__init__(message)  # type: ignore[no-untyped-call] # dramatiq's errors are untyped


class DecodeError(KafkaBrokerError):
    """A record is not a task of this queue; its raw bytes go to the dead-letter topic."""


class RecordTooLargeError(KafkaBrokerError):
    """A message does not fit into a Kafka record (`max_request_size`, `max.message.bytes`).

    Keep what is large elsewhere, and send where it is.
    """


class LaneNotDeclaredError(KafkaBrokerError):
    """A message names a lane that its queue has not; see `QueueOptions.lanes`."""


class PartlyEnqueuedError(ConnectionClosed):
    """Kafka did not acknowledge all of many messages; `messages` are the others.

    They may be on Kafka all the same. Enqueue them again.
    """

    def __init__(self, messages: list[Message[Any]], total: int, first: BaseException) -> None:
        self.messages = messages
        super().__init__(  # type: ignore[no-untyped-call]
            f"{len(messages)} of {total} messages are not acknowledged: {first}"
        )


class RejectedError(KafkaBrokerError):
    """A middleware failed a message without an exception that says why."""


class PutBack(Exception):  # noqa: N818 - names an outcome, like dramatiq's own Retry
    """Raise from an actor to leave its record as if it had never been taken.

    The record is neither done nor failed: its offset stays uncommitted, and it is handed out again
    after `put_back_delay_s` here, or by the partition's next owner. For a task that could not even
    begin, such as one whose state store is out of reach.
    """


def connection_failed(doing: str, error: BaseException) -> ConnectionFailed:
    """Translate a kafka-python error that came while a client was being connected."""
    return ConnectionFailed(f"{doing}: {describe(error)}")  # type: ignore[no-untyped-call]


def connection_closed(doing: str, error: BaseException) -> ConnectionClosed:
    """Translate a kafka-python error that came from a client that had been connected."""
    return ConnectionClosed(f"{doing}: {describe(error)}")  # type: ignore[no-untyped-call]


def describe(error: BaseException) -> str:
    """Name an error by its class and its text."""
    return f"{type(error).__name__}: {error}"
