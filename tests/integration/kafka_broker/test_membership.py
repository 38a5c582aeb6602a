"""A group that waits for a member that is dead: the others go on, and may leave."""

from collections.abc import Collection, Iterator
from typing import Any

import dramatiq
import pytest
from kafka.admin import MemberToRemove

from tasks.kafka_broker import BrokerObserver, KafkaBroker, Rebalance
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartProcess, StartWorker

#: For as long as this the group waits for the dead one.
DEAD_FOR_MS = 60_000


class Owned(BrokerObserver):
    """The partitions that a worker has, and what it lost."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.lost: set[int] = set()

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:
        if topic.endswith(".delay"):
            return
        if change == "assigned":
            self.partitions |= set(partitions)
        else:
            self.partitions -= set(partitions)
        if change == "lost":
            self.lost |= set(partitions)


class WaitingGroup:
    """Two partitions: one of a worker that goes on, the other of one that is dead."""

    def __init__(self, broker: KafkaBroker, owned: Owned, log: Log) -> None:
        self.broker = broker
        self.owned = owned
        self.seen: list[int] = []
        self._log = log

        @dramatiq.actor(broker=broker)
        def go(number: int) -> None:
            self.seen.append(number)

    def describe(self) -> Any:
        group_id = self.broker.queues["default"].group_id
        return self._log.admin.describe_groups([group_id])[group_id]

    def is_waiting(self) -> bool:
        return bool(self.describe()["group_state"] == "PreparingRebalance")

    def send(self, number: int) -> None:
        """Send a task to the partition that is worked on."""
        (partition,) = self.owned.partitions
        headers = [("dramatiq-actor", b"go")]
        value = b'{"number": %d}' % number
        self._log.write(
            self.broker.queues["default"].topic, value, partition=partition, headers=headers
        )

    def committed(self) -> int:
        (partition,) = self.owned.partitions
        return self._log.committed(self.broker).get(partition, 0)


@pytest.fixture
def group(
    make_broker: MakeBroker, start_worker: StartWorker, start_process: StartProcess, log: Log
) -> Iterator[WaitingGroup]:
    """A group that waits: one of its members is dead, and another one has come."""
    owned = Owned()
    broker = make_broker(num_partitions=2, observer=owned, client_id="lives")
    group = WaitingGroup(broker, owned, log)
    start_worker(broker)
    eventually(lambda: len(owned.partitions) == 2, within_s=20)
    dying = start_process(num_partitions=2, session_timeout_ms=DEAD_FOR_MS)
    eventually(
        lambda: len(owned.partitions) == 1 and group.describe()["group_state"] == "Stable",
        within_s=30,
    )
    eventually(lambda: len(group.describe()["members"]) == 2)
    dying.kill()
    dying.wait()
    newcomer = make_broker(num_partitions=2)
    newcomer.declare_queue("default")
    newcomer.consume("default")
    eventually(group.is_waiting, within_s=30)
    yield group
    assert group.is_waiting()


def test_a_worker_goes_on_and_commits_while_its_group_waits_for_a_dead_member(
    group: WaitingGroup,
) -> None:
    """kafka-python neither fetches nor commits from the moment it asks to join again."""
    for number in range(1, 4):
        group.send(number)
        eventually(lambda: group.seen == list(range(1, number + 1)))  # noqa: B023
        eventually(lambda: group.committed() == number)  # noqa: B023


def test_a_worker_that_is_expelled_while_it_joins_owns_nothing_any_more(
    group: WaitingGroup, log: Log
) -> None:
    """kafka-python keeps the partitions, at a position that the next owner has long passed."""
    before = set(group.owned.partitions)
    group.send(1)
    eventually(lambda: group.committed() == 1)
    (member,) = [m for m in group.describe()["members"] if m["client_id"] == "lives"]
    log.admin.remove_group_members(
        group.broker.queues["default"].group_id, [MemberToRemove(member_id=member["member_id"])]
    )
    eventually(lambda: group.owned.lost == before)


def test_a_worker_that_stops_while_its_group_waits_leaves_it_and_its_work_is_committed(
    group: WaitingGroup, log: Log
) -> None:
    (partition,) = group.owned.partitions
    group.send(1)
    eventually(lambda: group.seen == [1])
    group.broker.close()
    assert log.committed(group.broker)[partition] == 1
    assert "lives" not in {member["client_id"] for member in group.describe()["members"]}
