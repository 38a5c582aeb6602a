"""Put together what reads one queue: a KafkaConsumer, its poller, the inbox and dramatiq's end."""

from collections.abc import Container

from .clients import Clients
from .config import QueueConfig
from .consumer import KafkaQueueConsumer
from .dead_letters import DeadLetters
from .inbox import Inbox
from .lines import KeyOrder, LogOrder
from .observer import BrokerObserver
from .poller import Poller
from .producer import Publisher

CONNECT_TIMEOUT_S = 30.0


def open_consumer(  # noqa: PLR0913 - the parts and their limits, all named
    queue: QueueConfig,
    clients: Clients,
    publisher: Publisher,
    observer: BrokerObserver,
    *,
    prefetch: int,
    timeout_s: float,
    put_back_delay_s: float,
    drain_timeout_s: float,
    held: Container[str],
) -> KafkaQueueConsumer:
    """Join the queue's group and return its messages."""
    options = queue.options
    inbox = Inbox(
        lane_topics=queue.lane_topics,
        make_line=KeyOrder if options.ordering == "key" else LogOrder,
        # What dramatiq has prefetched goes before any more urgent lane: no more than it needs.
        max_in_flight=max(1, prefetch // 2) if options.lanes else prefetch,
        max_in_flight_per_partition=options.max_in_flight_per_partition,
        put_back_delay_s=put_back_delay_s,
        held=held,
    )
    poller = Poller(
        clients.consumer(group_id=queue.group_id, bootstrap_timeout_s=CONNECT_TIMEOUT_S),
        queue.lane_topics.values(),
        inbox,
        drain_timeout_s=drain_timeout_s,
        observer=observer,
    )
    poller.start()
    dead_letters = DeadLetters(queue, publisher, observer)
    return KafkaQueueConsumer(
        queue, inbox, poller, dead_letters, publisher, timeout_s=timeout_s, observer=observer
    )
