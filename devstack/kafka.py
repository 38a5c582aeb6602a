"""One real Kafka broker in KRaft mode, on the loopback, for development and tests.

One node is broker and controller; topics, offsets and the cluster's own metadata are in `data_dir`.
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
_JVM_FLAGS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


class Kafka(Server):
    """A broker and controller in one JVM."""

    name = "Kafka"
    port_setting = "KAFKA_PORT"
    # What a subclass has beside the plain listener.
    more_listeners: Sequence[str] = ()
    more_properties = ""
    more_format_arguments: Sequence[str] = ()

    @property
    def bootstrap(self) -> str:
        """The address for clients, host:port."""
        return self.address

    def _command(self) -> list[str]:
        java_command = [
            str(java.find_or_install()),
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
            admin = KafkaAdminClient(bootstrap_servers=self.address)
            with contextlib.closing(admin):
                # A broker is listed from the moment it takes requests of clients.
                return bool(admin.describe_cluster()["brokers"])
        return False

    def _properties(self) -> str:
        controller = f"{ports.LOOPBACK}:{ports.free_port()}"
        listeners = ",".join([f"PLAINTEXT://{self.address}", *self.more_listeners])
        return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
listeners={listeners},CONTROLLER://{controller}
advertised.listeners={listeners}
log.dirs={self._logs_dir}
# Topics are made on purpose, with the partitions the settings say.
auto.create.topics.enable=false
# One node: a factor of 3 could never be met.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
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
