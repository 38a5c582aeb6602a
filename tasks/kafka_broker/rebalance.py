"""Take partitions over and give them up: drain, commit, fence, in that order.

Fencing first would run finished tasks again; not draining would run unfinished ones at two places
at once. kafka-python calls the listener on its I/O thread while the poller is inside `poll` or
`close`; `see_off` belongs to the poller. No lock of ours is held in either.
"""

import logging
import time
from typing import Any

from kafka import AsyncConsumerRebalanceListener
from kafka.structs import TopicPartition

from .commits import Commits
from .inbox import Inbox
from .membership import Membership
from .observer import BrokerObserver, Rebalance

log = logging.getLogger(__name__)

Partitions = set[TopicPartition]


class Rebalancer(AsyncConsumerRebalanceListener):  # type: ignore[misc] # untyped driver
    """The part of a consumer in its group's rebalances."""

    def __init__(
        self,
        consumer: Any,
        membership: Membership,
        inbox: Inbox,
        commits: Commits,
        *,
        drain_timeout_s: float,
        observer: BrokerObserver,
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        membership.hold_rejoin(while_true=lambda: self.is_seeing_off)
        membership.on_expelled = self._give_up_leaving
        self._inbox = inbox
        self._commits = commits
        self._drain_timeout_s = drain_timeout_s
        self._observer = observer
        self._leaving: Partitions = set()
        self._leave_by = 0.0
        self._is_closing = False

    @property
    def is_seeing_off(self) -> bool:
        """True while partitions that are to go wait for their running tasks."""
        return bool(self._leaving)

    async def on_partitions_assigned(self, assigned: Partitions) -> None:
        """Begin with fresh assignments, where the last owners left off."""
        self._leaving -= assigned
        self._inbox.assign(await self._commits.fetch(assigned))
        self._tell("assigned", assigned)

    async def on_partitions_revoked(self, revoked: Partitions) -> None:
        """Give partitions up in good order; heartbeats and the other partitions go on."""
        self._inbox.deactivate(revoked)
        self._tell("revoked", revoked)
        if self._is_closing:
            await self._drain(revoked)
        elif self._inbox.running(revoked):
            # Waiting here would block `poll`, and with it the partitions that stay.
            self._leaving |= revoked
            self._leave_by = time.monotonic() + self._drain_timeout_s
            return
        await self._commits.commit_last(revoked)
        self._inbox.fence(revoked)

    async def on_partitions_lost(self, lost: Partitions) -> None:
        """Drop partitions that another member has by now: too late to commit."""
        self._inbox.fence(lost)
        self._tell("lost", lost)

    def see_off(self) -> None:
        """Give up the partitions that were revoked while tasks ran, once those have ended."""
        if self._leaving and not self._must_wait(self._leaving, self._leave_by):
            self._commits.commit_last_and_wait(self._leaving)
            self._give_up_leaving()

    def close(self) -> None:
        """Get ready for the last revocation: no `poll` comes after it, so waiting blocks nobody."""
        self._is_closing = True
        self._membership.leave_quickly()
        self._commits.commit_last_and_wait(self._leaving)

    def _give_up_leaving(self) -> None:
        # They are no longer ours for kafka-python, so nobody else tells us when we lose them; and
        # Kafka would take a commit for them, over the next owner's, once we have a place again.
        leaving, self._leaving = self._leaving, set()
        self._inbox.fence(leaving)

    async def _drain(self, partitions: Partitions) -> None:
        leave_by = time.monotonic() + self._drain_timeout_s
        # A stopping dramatiq has waited for its workers already, as long as it was told to.
        while not self._inbox.is_stopping and self._must_wait(partitions, leave_by):
            # The only sleep that lets the heartbeats go on; kafka-python has no public one.
            await self._consumer._net.sleep(0.05)  # noqa: SLF001

    def _must_wait(self, partitions: Partitions, leave_by: float) -> bool:
        running = self._inbox.running(partitions)
        if running and time.monotonic() >= leave_by:
            log.warning("%d tasks outlast their partitions and may run twice.", running)
            return False
        return running > 0

    def _tell(self, change: Rebalance, partitions: Partitions) -> None:
        for topic in {partition.topic for partition in partitions}:
            numbers = sorted(tp.partition for tp in partitions if tp.topic == topic)
            log.info("Partitions %s of %s: %s.", change, topic, numbers)
            self._observer.on_rebalance(topic, change, numbers)
