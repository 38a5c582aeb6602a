"""Lanes: the urgent overtakes what waits, and what can wait still comes to its turn."""

import threading
from collections import Counter

import dramatiq
import pytest

from tasks.kafka_broker import BrokerObserver, LaneNotDeclaredError, PartitionState, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker


class Read(BrokerObserver):
    """What was read from Kafka and is not done; reported about once a second."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, int], PartitionState] = {}

    def on_partition(self, state: PartitionState) -> None:
        self._states[state.topic, state.partition] = state

    def count(self) -> int:
        return sum(state.waiting + state.in_flight for state in self._states.values())


class Turns:
    """An actor that notes in which order its messages ran, and its broker."""

    def __init__(self, make_broker: MakeBroker) -> None:
        self.read = Read()
        queues = {"default": QueueOptions(lanes=True)}
        self.broker = make_broker(queues=queues, num_partitions=2, observer=self.read)
        self.order: list[str] = []
        self.may_run = threading.Event()

        @dramatiq.actor(broker=self.broker)
        def go(name: str) -> None:
            self.may_run.wait(60)
            self.order.append(name)

        self._go = go

    def send(self, lane: str, count: int) -> None:
        messages = [
            self._go.message_with_options(args=(lane,), lane=lane, key=str(number))
            for number in range(count)
        ]
        self.broker.enqueue_many(messages)


@pytest.fixture
def turns(make_broker: MakeBroker) -> Turns:
    return Turns(make_broker)


def test_an_urgent_message_overtakes_a_backlog(turns: Turns, start_worker: StartWorker) -> None:
    turns.send("low", 300)
    turns.send("normal", 50)
    # Of two threads one might take its message first and note it last.
    start_worker(turns.broker, threads=1)
    eventually(lambda: turns.read.count() == 350, within_s=30)
    turns.send("high", 5)
    eventually(lambda: turns.read.count() == 355, within_s=30)
    turns.may_run.set()
    turns.broker.join("default", timeout=30_000)
    # One was running when it came, and each other lane may have had a turn.
    assert Counter(turns.order[:8])["high"] == 5
    assert Counter(turns.order) == {"high": 5, "normal": 50, "low": 300}


def test_full_lanes_share_the_workers_by_weight_and_none_starves(
    turns: Turns, start_worker: StartWorker
) -> None:
    for lane in ("low", "normal", "high"):
        turns.send(lane, 400)
    start_worker(turns.broker, threads=2)
    eventually(lambda: turns.read.count() == 1200, within_s=30)
    turns.may_run.set()
    turns.broker.join("default", timeout=30_000)
    window = Counter(turns.order[:210])
    assert window["high"] >= 150
    assert 30 <= window["normal"] <= 50
    assert 5 <= window["low"] <= 15


def test_each_lane_is_a_topic_with_all_partitions_and_one_for_dead_letters(
    turns: Turns, log: Log
) -> None:
    turns.broker.ensure_topics()
    queue = turns.broker.queues["default"]
    names = [queue.topic, f"{queue.topic}.high", f"{queue.topic}.low"]
    assert [log.partition_count(name) for name in names] == [2, 2, 2]
    assert log.partition_count(f"{queue.topic}.dlq") == 1


def test_an_actor_names_the_lane_of_its_messages_and_a_message_may_name_another(
    make_broker: MakeBroker, log: Log
) -> None:
    broker = make_broker(queues={"default": QueueOptions(lanes=True)})

    @dramatiq.actor(broker=broker, lane="low")
    def go() -> None: ...

    go.send()
    go.send_with_options(lane="high")
    go.send_with_options(lane="normal")
    topics = broker.queues["default"].lane_topics
    assert {lane: len(log.read(topic)) for lane, topic in topics.items()} == {
        "high": 1,
        "normal": 1,
        "low": 1,
    }


@pytest.mark.parametrize("lanes", [False, True])
def test_a_lane_that_is_not_there_is_refused_with_those_that_are(
    make_broker: MakeBroker, *, lanes: bool
) -> None:
    """Lanes are off by default: a message must not vanish in a topic that nobody reads."""
    broker = make_broker(queues={"default": QueueOptions(lanes=lanes)})

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    known = "high, normal, low" if lanes else "normal"
    with pytest.raises(LaneNotDeclaredError, match=f"no lane 'urgent', but {known}$"):
        go.send_with_options(lane="urgent")
    go.send_with_options(lane="normal")
