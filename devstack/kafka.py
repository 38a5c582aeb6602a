"""One real Kafka broker in KRaft mode, on the loopback, for development and tests.

Owned by the thread that starts it. Data survives `stop` and `kill` in `data_dir`; a second `start`
on the same object, or on the same directory, goes on with it.
"""

import contextlib
import subprocess
from pathlib import Path

from devstack import java, kafka_jars, ports
from devstack.errors import DevstackError
from devstack.process import Process

_HERE = Path(__file__).parent
_READY_WITHIN_S = 60
_CLUSTER_ID = "cmVzdW1lLXNlcnZpY2UtMQ"  # 16 bytes in base64: any will do, but it is in the data
# A small heap, and flags that trade peak speed for a quick start.
_JVM_FLAGS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


class Kafka:
    """A broker and controller in one JVM."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.port = port
        self.log_path = data_dir / "kafka.log"
        self._logs_dir = data_dir / "logs"
        self._config_path = data_dir / "server.properties"
        self._process: Process | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, host:port."""
        return f"{ports.LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the broker and return when it answers; raise DevstackError when it can't."""
        command = [
            str(java.find_or_install()),
            *_JVM_FLAGS,
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
            *("-cp", kafka_jars.classpath()),
        ]
        self._config_path.parent.mkdir(parents=True, exist_ok=True)
        self._config_path.write_text(self._server_properties())
        if not (self._logs_dir / "meta.properties").exists():
            self._format(command)
        self._process = Process(
            "Kafka", [*command, "kafka.Kafka", str(self._config_path)], log_path=self.log_path
        )
        try:
            self._process.start()
            self._process.wait_until(self._answers, within_s=_READY_WITHIN_S)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker in order (SIGTERM, bounded); harmless when it does not run."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kill the broker at once, as a crash would."""
        if self._process:
            self._process.kill()

    def log_tail(self) -> str:
        """Return the end of the broker's log."""
        return self._process.log_tail() if self._process else ""

    def _format(self, command: list[str]) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID]
        done = subprocess.run(
            [*command, *tool, "--config", self._config_path],
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
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
            with contextlib.closing(admin):
                # A broker is listed from the moment it takes requests of clients.
                return bool(admin.describe_cluster()["brokers"])
        return False

    def _server_properties(self) -> str:
        controller = f"{ports.LOOPBACK}:{ports.free_port()}"
        return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{self.bootstrap}
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
"""
