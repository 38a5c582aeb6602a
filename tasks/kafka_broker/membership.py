"""A consumer's place in its group: what kafka-python 3.0.12 leaves out of the cooperative protocol.

A member that joins again keeps its partitions and goes on with them, for as long as the slowest
member takes, or until a killed one is given up. There the client neither fetches nor commits.
`commit` is for the consumer's I/O thread, the rest for the poller's; only the one instance is
changed.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from kafka.errors import CommitFailedError, CoordinatorNotAvailableError, NoError, for_code
from kafka.protocol.consumer import OffsetCommitRequest
from kafka.structs import OffsetAndMetadata, TopicPartition

#: How long one turn of `poll` waits for the others to join, before it fetches.
_JOIN_TURN_MS = 20

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


class Membership:
    """The place of one consumer."""

    def __init__(self, consumer: Any) -> None:
        self._coordinator = consumer._coordinator  # noqa: SLF001 - as all of this module
        #: Called when the group has given us up: we own nothing from now on.
        self.on_expelled: Callable[[], None] = lambda: None
        _fetch_while_joining(self._coordinator)
        self._own_nothing_when_expelled()

    @property
    def is_joining(self) -> bool:
        """True while the group's other members are waited for."""
        is_joining: bool = self._coordinator.rebalance_in_progress()
        return is_joining

    @property
    def is_expelled(self) -> bool:
        """True while it has no place: Kafka takes no commit."""
        is_lost: bool = self._coordinator._generation.is_lost()  # noqa: SLF001
        return is_lost

    async def commit(self, offsets: Offsets) -> None:
        """Commit, also while the group is being joined again; raise a KafkaError if refused."""
        if self.is_joining and not self.is_expelled:
            await self._commit_while_joining(offsets)
        else:
            # Not `commit_async`: its future may be that of the search for a new coordinator.
            await self._coordinator._send_offset_commit_request(offsets)  # noqa: SLF001

    def hold_rejoin(self, *, while_true: Callable[[], bool]) -> None:
        """Put off the rebalance that hands on what was revoked.

        In the cooperative protocol it begins when the old owner joins the group again, which
        kafka-python does at the next turn of `poll`, without a public way to say "not yet". A
        member that has lost its place joins at once all the same.
        """
        coordinator = self._coordinator
        need_rejoin = coordinator.need_rejoin

        def may_rejoin() -> bool:
            # A join under way as well: the leader updates what it compares with while it hands the
            # partitions out, so that a `poll` which ended in between would never fetch the result.
            wants_to = coordinator.rejoining or need_rejoin()
            return not (while_true() and coordinator.stable()) and wants_to

        coordinator.need_rejoin = may_rejoin

    async def _commit_while_joining(self, offsets: Offsets) -> None:
        """Commit with the generation that the group knows us by.

        Kafka takes it until all have joined, refuses for the moment in which partitions are
        handed out, and takes it again. It answers one connection's requests in turn, and the
        coordinator's waits for the others: so through the one for records. A refusal must change
        nothing about our place, as it would in kafka-python.
        """
        coordinator = self._coordinator
        generation = coordinator._generation  # noqa: SLF001
        request = OffsetCommitRequest(
            max_version=8,
            group_id=coordinator.group_id,
            generation_id_or_member_epoch=generation.generation_id,
            member_id=generation.member_id,
            group_instance_id=coordinator.group_instance_id,
            topics=_by_topic(offsets),
        )
        response = await coordinator._manager.send(  # noqa: SLF001
            request, node_id=self._second_connection()
        )
        for _, partitions in response.topics:
            for _, code in partitions:
                if (error := for_code(code)) is not NoError:
                    raise CommitFailedError(error())

    def leave_quickly(self) -> None:
        """Let the coming close take another connection as well, for the same reason.

        Else the group would wait for a member that is gone, until its session ends.
        """
        if self.is_joining and self._coordinator.coordinator_id is not None:
            self._coordinator.coordinator_id = self._second_connection()

    def _second_connection(self) -> int:
        """Return the node that the coordinator is on, which kafka-python names "coordinator-1"."""
        coordinator_id = self._coordinator.coordinator_id
        if coordinator_id is None:
            raise CoordinatorNotAvailableError
        return int(str(coordinator_id).rpartition("-")[2])

    def _own_nothing_when_expelled(self) -> None:
        """Lose all partitions when the group has given us up, also when it did while we joined.

        kafka-python then keeps them and goes on at its own position, which the owner in between
        has long passed; and it tells the group that it owns what it lost, so that two seem to.
        """
        coordinator = self._coordinator
        reset_generation = coordinator.reset_generation

        def reset_and_lose(*args: Any, **kwargs: Any) -> None:
            reset_generation(*args, **kwargs)
            # Whether the preparations for joining were made, which tell the listener of the loss.
            coordinator.rejoining = False
            for assignor in coordinator._assignors.values():  # noqa: SLF001
                assignor.member_assignment = None
            self.on_expelled()

        coordinator.reset_generation = reset_and_lose


def _by_topic(offsets: Offsets) -> list[Any]:
    topics = defaultdict(list)
    for partition, offset in offsets.items():
        topics[partition.topic].append(
            OffsetCommitRequest.OffsetCommitRequestTopic.OffsetCommitRequestPartition(
                partition_index=partition.partition,
                committed_offset=offset.offset,
                committed_leader_epoch=offset.leader_epoch,
                committed_metadata=offset.metadata,
            )
        )
    return [
        OffsetCommitRequest.OffsetCommitRequestTopic(name=topic, partitions=partitions)
        for topic, partitions in topics.items()
    ]


def _fetch_while_joining(coordinator: Any) -> None:
    """Let `poll` go on to the records of what we own, as Java's does."""
    poll = coordinator.poll

    def poll_and_go_on(timeout_ms: float | None = None) -> bool:
        if coordinator.rebalance_in_progress():
            timeout_ms = min(_JOIN_TURN_MS, timeout_ms or 0)
        has_place: bool = poll(timeout_ms=timeout_ms) or coordinator.rebalance_in_progress()
        return has_place

    coordinator.poll = poll_and_go_on
