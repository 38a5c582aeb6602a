"""A member that joins its group again for what changed, on a slow machine."""

import threading
from typing import Any

import dramatiq
import pytest
from kafka.coordinator.consumer import ConsumerCoordinator

from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker

#: Longer than one turn of the poller.
_SLOW_S = 0.4


def test_partitions_that_were_added_are_read_although_the_leader_is_slow(
    make_broker: MakeBroker, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python forgets a join whose leader took longer than one `poll`."""
    assign = ConsumerCoordinator._perform_assignment  # noqa: SLF001 - the slow step

    def slowly(self: Any, *args: Any) -> Any:
        result = assign(self, *args)
        threading.Event().wait(_SLOW_S)
        return result

    monkeypatch.setattr(ConsumerCoordinator, "_perform_assignment", slowly)
    broker = make_broker(metadata_max_age_ms=500)
    seen: set[int] = set()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.add(number)

    start_worker(broker)
    go.send(0)
    eventually(lambda: seen == {0}, within_s=30)
    grown = make_broker(num_partitions=4)
    grown.declare_queue("default")
    grown.ensure_topics()
    grown.enqueue_many([go.message(number) for number in range(1, 41)])
    eventually(lambda: len(seen) == 41, within_s=30)
