"""One real Kafka broker in KRaft mode, on the loopback, for development and tests.

One node is broker and controller; topics, offsets and the cluster's own metadata are in `data_dir`.
A subclass may make it a node of a larger cluster.
"""

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devstack import java, kafka_jars, ports
from devstack.errors import DevstackError
from devstack.process import Process
from devstack.server import READY_WITHIN_S, Server

_LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
_CLUSTER_ID = "cmVzdW1lLXNlcnZpY2UtMQ"  # 16 bytes in base64: any will do, but it is in the data
# A small heap, and flags that trade peak speed for a quick start.
_JVM_FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
# Of one try to find out whether the broker answers: another node may be the one that does not.
_ANSWER_TIMEOUT_MS = 5000


class Kafka(Server):
    """A broker and controller in one JVM.

    With `advertised_port`, that of a proxy before us, `bootstrap` and what the broker tells clients
    lead through the proxy; `direct_bootstrap` does not.
    """

    name = "Kafka"
    port_setting = "KAFKA_PORT"
    heap_mib = 512
    node_id = 1
    #: How many brokers keep a topic that says nothing else, Kafka's own among them.
    replicas = 1
    # What a subclass has beside the plain listener.
    more_listeners: Sequence[str] = ()
    more_properties = ""
    more_format_arguments: Sequence[str] = ()

    def __init__(self, data_dir: Path, port: int, *, advertised_port: int | None = None) -> None:
        super().__init__(data_dir, port)
        self._proxy = f"{ports.LOOPBACK}:{advertised_port}" if advertised_port else None
        self._direct = f"{ports.LOOPBACK}:{ports.free_port()}" if advertised_port else self.address
        self._controller = f"{ports.LOOPBACK}:{ports.free_port()}"
        #: All controllers of the cluster, each as its own `voter`.
        self.voters: Sequence[str] = [self.voter]

    @property
    def bootstrap(self) -> str:
        """The address for clients, host:port."""
        return self._proxy or self.address

    @property
    def direct_bootstrap(self) -> str:
        """The address for those who must not go through the proxy, host:port."""
        return self._direct

    @property
    def voter(self) -> str:
        """Our controller as the others know it, id@host:port."""
        return f"{self.node_id}@{self._controller}"

    def _command(self) -> list[str]:
        java_command = [
            str(java.find_or_install()),
            f"-Xmx{self.heap_mib}m",
            *_JVM_FLAGS,
            f"-Dlog4j2.configurationFile={_LOG_CONFIG}",
            *("-cp", kafka_jars.classpath()),
        ]
        config_path = self.data_dir / "server.properties"
        config_path.write_text(self._properties())
        if not (self._logs_dir / "meta.properties").exists():
            self._format(java_command, config_path)
        return [*java_command, "kafka.Kafka", str(config_path)]

    def _wait_until_ready(self, process: Process) -> None:
        process.wait_until(self._answers, within_s=READY_WITHIN_S)

    @property
    def _logs_dir(self) -> Path:
        return self.data_dir / "logs"

    def _format(self, java_command: list[str], config_path: Path) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID]
        done = subprocess.run(
            [*java_command, *tool, "--config", config_path, *self.more_format_arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DevstackError(f"Kafka can't use {self._logs_dir}: {done.stderr.strip()}")

    def _answers(self) -> bool:
        # Slow to import, and needed by nobody who only asks for help.
        from kafka import KafkaAdminClient  # noqa: PLC0415
        from kafka.errors import KafkaError  # noqa: PLC0415

        if not ports.is_busy(self.port):
            return False
        with contextlib.suppress(KafkaError):
            admin = KafkaAdminClient(
                bootstrap_servers=self.direct_bootstrap,
                bootstrap_timeout_ms=_ANSWER_TIMEOUT_MS,
                request_timeout_ms=_ANSWER_TIMEOUT_MS,
            )
            with contextlib.closing(admin):
                # A fenced broker is known to the controller, but leads no partition yet.
                return any(
                    broker["broker_id"] == self.node_id and not broker["is_fenced"]
                    for broker in admin.describe_cluster()["brokers"]
                )
        return False

    def _listeners(self) -> tuple[str, str]:
        """Return where we listen, and what of it clients are told."""
        more = [f"DIRECT://{self._direct}"] if self._proxy else []
        more += self.more_listeners
        ours = [f"PLAINTEXT://{self.address}", *more, f"CONTROLLER://{self._controller}"]
        told = [f"PLAINTEXT://{self.bootstrap}", *more]
        return ",".join(ours), ",".join(told)

    def _properties(self) -> str:
        listeners, advertised = self._listeners()
        return f"""\
process.roles=broker,controller
node.id={self.node_id}
controller.quorum.voters={",".join(self.voters)}
controller.listener.names=CONTROLLER
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name={"DIRECT" if self._proxy else "PLAINTEXT"}
log.dirs={self._logs_dir}
# Topics are made on purpose, with the partitions the settings say.
auto.create.topics.enable=false
# More than there are brokers could never be met.
default.replication.factor={self.replicas}
offsets.topic.replication.factor={self.replicas}
transaction.state.log.replication.factor={self.replicas}
# A record that was acknowledged outlives the loss of one broker, where there are others.
min.insync.replicas={min(2, self.replicas)}
transaction.state.log.min.isr={min(2, self.replicas)}
# Few partitions of internal topics: each costs time at the start.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
# A lone developer waits for nobody; tests want a dead member noticed soon.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a crash the controller waits for the old session's end before it lets us in again.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
{self.more_properties}"""
