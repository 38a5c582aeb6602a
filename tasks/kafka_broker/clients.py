"""How kafka-python's clients are made: the one place that knows their settings.

Clients start threads and open sockets, which do not survive a fork, so nothing here is called at
import; the owners of the clients make them when first needed. A constructor blocks until Kafka
answered or the given time is over, and then raises dramatiq's ConnectionFailed.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError
from kafka.producer.transaction_manager import TransactionState

from .errors import connection_failed
from .network import NetClient
from .producing import QuickProducer
from .security import checked

_COMMON = {
    # kafka-python waits up to 30 s between attempts; Kafka is back sooner after a restart.
    "reconnect_backoff_max_ms": 1_000,
    # How long a partition that was added stays unseen.
    "metadata_max_age_ms": 30_000,
}
_CONSUMER = {
    # What one `poll` may bring for a partition, and so how far its buffer may overshoot. A larger
    # record still comes.
    "max_partition_fetch_bytes": 64 * 1024,
    # Kafka notices a killed worker within 8 s and its successor goes on within 10. Heartbeats come
    # from the client's own thread, so a busy worker does not miss them; 6 s is Kafka's least.
    "session_timeout_ms": 8_000,
    "heartbeat_interval_ms": 500,
    # A partition that was full is read again only when the fetch under way for its neighbours ends.
    "fetch_max_wait_ms": 100,
}


class Clients:
    """Makes producers, consumers and admin clients with the user's connection options."""

    def __init__(self, bootstrap_servers: Sequence[str], options: Mapping[str, Any]) -> None:
        known = {
            *KafkaProducer.DEFAULT_CONFIG,
            *KafkaConsumer.DEFAULT_CONFIG,
            *KafkaAdminClient.DEFAULT_CONFIG,
        }
        if unknown := sorted(set(options) - known):
            raise TypeError(f"kafka-python has no option {', '.join(unknown)}")
        if (logger := logging.getLogger("kafka")).level == logging.NOTSET:
            # At INFO kafka-python tells of each connection, to whoever runs dramatiq's command.
            logger.setLevel(logging.WARNING)
        self._bootstrap_servers = list(bootstrap_servers)
        self._options = checked(options)

    def producer(
        self,
        *,
        bootstrap_timeout_s: float,
        publish_timeout_s: float,
        max_request_bytes: int | None,
        linger_ms: int,
    ) -> Any:
        """Make a producer that waits for all replicas and gives a record up when we do."""
        publish_timeout_ms = int(publish_timeout_s * 1000)
        producer = self._make(
            QuickProducer,
            bootstrap_timeout_s,
            # Batches are allocated as they grow: large ones cost nothing, and save requests.
            defaults={"linger_ms": linger_ms, "batch_size": 64 * 1024},
            fixed={
                **({"max_request_size": max_request_bytes} if max_request_bytes else {}),
                "acks": "all",
                "allow_auto_create_topics": False,
                "delivery_timeout_ms": publish_timeout_ms,
                "request_timeout_ms": publish_timeout_ms // 2,
                # `send` blocks this long for metadata; the caller loops until its own deadline.
                "max_block_ms": min(1000, publish_timeout_ms // 4),
            },
        )
        _ask_again_for_an_id(producer)
        return producer

    def consumer(self, *, group_id: str, bootstrap_timeout_s: float, **defaults: Any) -> Any:
        """Make a consumer that commits only what it is told to."""
        return self._make(
            KafkaConsumer,
            bootstrap_timeout_s,
            defaults={**_CONSUMER, **defaults},
            fixed={
                "group_id": group_id,
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
                "allow_auto_create_topics": False,
                # Take all that was fetched. kafka-python 3.0.12 forgets a partition that is paused
                # while it is half taken: `Fetcher.fetched_records` brings it back only when another
                # one is paused the same way.
                "max_poll_records": sys.maxsize,
                # Only partitions that move stop during a rebalance. Its listener relies on it: an
                # eager rebalance of kafka-python gives partitions back at their old position.
                "partition_assignment_strategy": [CooperativeStickyAssignor],
            },
        )

    def visitor(self, *, group_id: str, timeout_s: float) -> Any:
        """Make a consumer for one question, which somebody waits for.

        kafka-python 3.0.12 lets `retry_backoff_ms` pass between two looks at the metadata, also
        when the first one succeeded: its default was most of what a question took.
        """
        return self.consumer(group_id=group_id, bootstrap_timeout_s=timeout_s, retry_backoff_ms=10)

    def admin(self, *, timeout_s: float) -> Any:
        """Make a client for topics and offsets; the caller closes it."""
        return self._make(
            KafkaAdminClient,
            timeout_s,
            defaults={},
            fixed={"request_timeout_ms": max(1, int(timeout_s * 1000))},
        )

    def _make(
        self,
        factory: Any,
        bootstrap_timeout_s: float,
        *,
        defaults: Mapping[str, Any],
        fixed: Mapping[str, Any],
    ) -> Any:
        nets: list[NetClient] = []

        def net_client(**config: Any) -> NetClient:
            nets.append(NetClient(**config))
            return nets[-1]

        own = {
            name: value for name, value in self._options.items() if name in factory.DEFAULT_CONFIG
        }
        bootstrap_timeout_ms = max(1, int(bootstrap_timeout_s * 1000))
        try:
            return factory(
                **{"kafka_client": net_client, **_COMMON, **defaults, **own, **fixed},
                bootstrap_servers=self._bootstrap_servers,
                bootstrap_timeout_ms=bootstrap_timeout_ms,
            )
        except KafkaError as error:
            reason: BaseException = error
            for net in nets:
                reason = net.failure or reason
                # The constructor leaves its thread and sockets behind: one more at each attempt.
                net.close()
            raise connection_failed(f"Kafka at {self._servers} is not reachable", reason) from error

    @property
    def _servers(self) -> str:
        return ",".join(self._bootstrap_servers)


def _ask_again_for_an_id(producer: Any) -> None:
    """Let a producer send again after it gave up a record that was under way.

    Such a record may leave a gap in the numbers that Kafka expects, so kafka-python 3.0.12 drops
    its producer id. But it keeps a state in which it asks for no new one, and without one it
    neither sends nor gives up anything any more.
    """
    transactions = producer._transaction_manager  # noqa: SLF001 - no public way
    if transactions is None:
        return
    drop_id = transactions.reset_producer_id

    def drop_id_and_begin_anew() -> None:
        drop_id()
        if transactions._current_state is TransactionState.READY:  # noqa: SLF001
            transactions._current_state = TransactionState.UNINITIALIZED  # noqa: SLF001

    transactions.reset_producer_id = drop_id_and_begin_anew
