"""The hook through which an application counts what the broker does.

The package depends on no metrics library: subclass `BrokerObserver` with one. The methods are
called from the broker's own threads and from workers, so they must be quick, thread-safe and must
not raise.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Rebalance = Literal["assigned", "revoked", "lost"]


@dataclass(frozen=True)
class PartitionState:
    """How one owned partition does."""

    topic: str
    partition: int
    #: Records on Kafka that are not done; None until Kafka has told where the log ends.
    lag: int | None
    #: Read and not handed to a worker yet.
    waiting: int
    #: Handed out and not done.
    in_flight: int
    #: How long the oldest task that runs has been running (seconds); 0 without any.
    oldest_running_s: float
    #: Offsets between what is safe to commit and what was read.
    span: int
    #: How long progress has been waiting to be committed (seconds); 0 when all is.
    commit_age_s: float
    #: True while reading is paused: enough waits here, or the span is too long.
    is_paused: bool


class BrokerObserver:
    """Every event of the broker, each a no-op."""

    def on_published(self, topic: str, duration_s: float) -> None:
        """Kafka acknowledged a record."""

    def on_publish_failed(self, topic: str, error: BaseException) -> None:
        """A record was not acknowledged in time; it may still have been written."""

    def on_delivered(self, topic: str, partition: int) -> None:
        """A record was handed to the workers."""

    def on_finished(self, topic: str, partition: int, duration_s: float) -> None:
        """A record is done: its task ran, or it is safe in the dead-letter topic."""

    def on_put_back(self, topic: str, partition: int) -> None:
        """A record was left uncommitted by its task."""

    def on_dead_letter(self, topic: str, partition: int, reason: str) -> None:
        """A record was written to the dead-letter topic; `reason` is the exception's class name."""

    def on_commit(self, topic: str, partition: int, next_offset: int) -> None:
        """The group's position on Kafka moved to `next_offset`."""

    def on_retry(self, topic: str, delay_ms: int) -> None:
        """A message that failed was sent once more, to run again after `delay_ms`."""

    def on_partition(self, state: PartitionState) -> None:
        """About once a second for each owned partition."""

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:
        """Partitions came or went; a gauge of one that went is out of date from now on."""
