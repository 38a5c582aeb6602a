"""A process's consumers begin side by side, each on a thread of its own, and share one pump."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from dramatiq.errors import ConnectionClosed

from tasks.kafka_broker import BrokerObserver, KafkaBroker
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.delay_pump import DelayPump
from tasks.kafka_broker.producer import Publisher
from tests.eventually import eventually

QUEUES = 8
ROUNDS = 50
NOWHERE = ("127.0.0.1:1",)


class AwayClients(Clients):
    """Of a Kafka that is away; notes who asked."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, {})
        self.asked_by: list[threading.Thread] = []

    def consumer(self, **_options: Any) -> Any:
        self.asked_by.append(threading.current_thread())
        raise ConnectionClosed("it is away")  # type: ignore[no-untyped-call]


def test_queues_that_are_added_at_once_start_one_thread() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    for number in range(QUEUES):
        broker.declare_queue(f"queue-{number}")
    queues = list(broker.queues.values())
    with ThreadPoolExecutor(QUEUES) as pool:
        for _ in range(ROUNDS):
            clients, observer = AwayClients(), BrokerObserver()
            publisher = Publisher(clients, timeout_s=1, observer=observer)
            pump = DelayPump(clients, publisher, observer, group_id="delays")
            together = threading.Barrier(QUEUES)

            def add(queue: Any, pump: DelayPump = pump, gate: threading.Barrier = together) -> None:
                gate.wait()
                pump.add(queue)

            list(pool.map(add, queues))
            eventually(partial(list, clients.asked_by))
            pump.close()
            assert len(set(clients.asked_by)) == 1  # who may have asked again
    broker.close()
