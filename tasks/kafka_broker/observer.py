"""The hook through which an application counts what the broker does.

The package depends on no metrics library: subclass `BrokerObserver` with one. The methods are
called from the broker's own threads and from workers, so they must be quick, thread-safe and must
not raise.
"""

from collections.abc import Collection
from typing import Literal

Rebalance = Literal["assigned", "revoked", "lost"]


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

    def on_lag(self, topic: str, partition: int, lag: int) -> None:
        """About once a second for each owned partition: records on Kafka that are not done."""

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:
        """Partitions came or went; a gauge of one that went is out of date from now on."""
