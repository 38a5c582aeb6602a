"""What can go wrong between dramatiq and Kafka, each with what to do about it.

dramatiq retries `ack` and `nack` on its `BrokerConnectionError` only and swallows or dies of
anything else, so every kafka-python error is translated here before it leaves the package.
"""

from dramatiq.errors import ConnectionClosed, ConnectionFailed, DramatiqError


class KafkaBrokerError(DramatiqError):
    """The root of this package's own errors."""

    def __init__(self, message: str) -> None:
        super().__init__(message)  # type: ignore[no-untyped-call] # dramatiq's errors are untyped


class DecodeError(KafkaBrokerError):
    """A record is not a task of this queue; its raw bytes go to the dead-letter topic."""


class DelayNotSupportedError(KafkaBrokerError):
    """This broker cannot delay messages yet; enqueue without `delay`."""


class RetriesNotSupportedError(KafkaBrokerError):
    """dramatiq's Retries needs delayed messages, and without them a failed task would be lost.

    Use `DeadLetterOnFailure` in its place.
    """


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
    return ConnectionFailed(f"{doing}: {_describe(error)}")  # type: ignore[no-untyped-call]


def connection_closed(doing: str, error: BaseException) -> ConnectionClosed:
    """Translate a kafka-python error that came from a client that had been connected."""
    return ConnectionClosed(f"{doing}: {_describe(error)}")  # type: ignore[no-untyped-call]


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
