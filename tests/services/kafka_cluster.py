"""A Kafka cluster of several JVMs, each broker and controller: it survives the loss of a minority.

Topics are kept by three brokers, and a write with `acks=all` needs two of them. Used from the main
thread, as any `ServerGroup`; the questions may come from any.
"""

import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from devstack import ports
from devstack.kafka import Kafka
from tests.eventually import eventually
from tests.services.server_group import ServerGroup

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

_REPLICAS = 3
_ELECTED_WITHIN_S = 30
# Of one try: the client may ask a broker that is paused, until the controller has fenced it.
_ANSWER_TIMEOUT_MS = 1000


class _Node(Kafka):
    heap_mib = 320
    # By default brokers wait 30 s for an answer of a controller that is paused.
    more_properties = "controller.socket.timeout.ms=2000\n"

    def __init__(self, data_dir: Path, *, node_id: int, replicas: int) -> None:
        self.node_id = node_id
        self.replicas = replicas
        super().__init__(data_dir, ports.free_port())


class KafkaCluster(ServerGroup[_Node]):
    """`brokers` nodes with their data in `folder`; the node of index i has Kafka's id i + 1."""

    def __init__(self, folder: Path, *, brokers: int = 3) -> None:
        replicas = min(_REPLICAS, brokers)
        nodes = [
            _Node(folder / f"node-{index}", node_id=index + 1, replicas=replicas)
            for index in range(brokers)
        ]
        for node in nodes:
            node.voters = [each.voter for each in nodes]
        super().__init__("the Kafka cluster", nodes)

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, with commas."""
        return ",".join(node.bootstrap for node in self.servers)

    def controller(self) -> int:
        """Return the index of the active controller; wait for the end of an election."""

        def leader(admin: Any) -> int:
            [topic] = admin.describe_metadata_quorum()["topics"]
            return int(topic["partitions"][0]["leader_id"])

        return self._answering_node(leader, "the controllers have a leader")

    def leader(self, topic: str, partition: int) -> int:
        """Return the index of the broker that leads the partition; wait for an election's end."""

        def leader(admin: Any) -> int:
            [described] = admin.describe_topics([topic])
            leaders = {p["partition_index"]: p["leader_id"] for p in described["partitions"]}
            return int(leaders.get(partition, -1))

        return self._answering_node(leader, f"{topic}:{partition} has a leader")

    def is_in_sync(self) -> bool:
        """Tell whether every replica of every topic is up and has what its leader has."""
        answering = {index + 1 for index in self.answering()}

        def in_sync(admin: Any) -> bool:
            return all(
                set(partition["replica_nodes"]) == set(partition["isr_nodes"]) <= answering
                for topic in admin.describe_topics()
                for partition in topic["partitions"]
            )

        with suppress(KafkaError):
            return bool(self._ask(in_sync))
        return False

    def _join(self) -> None:
        eventually(self._has_all_brokers, within_s=_ELECTED_WITHIN_S, why="all brokers have joined")

    def _has_all_brokers(self) -> bool:
        with suppress(KafkaError):
            brokers = self._ask(lambda admin: admin.describe_cluster()["brokers"])
            return sum(not broker["is_fenced"] for broker in brokers) == len(self.servers)
        return False

    def _answering_node(self, question: Callable[[Any], int], why: str) -> int:
        """Ask for a node id until it is the one of a node that answers; return its index."""

        def answer() -> list[int]:
            with suppress(KafkaError):
                index = self._ask(question) - 1
                # What the brokers say may be from before the node was killed or paused.
                return [index] if index in self.answering() else []
            return []

        return eventually(answer, within_s=_ELECTED_WITHIN_S, why=why)[0]

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        admin = KafkaAdminClient(
            bootstrap_servers=[self.servers[index].bootstrap for index in self.answering()],
            bootstrap_timeout_ms=_ANSWER_TIMEOUT_MS,
            request_timeout_ms=_ANSWER_TIMEOUT_MS,
        )
        with closing(admin):
            return question(admin)
