"""The servers that scenarios share: started when one first needs them, whole again after each.

One Kafka and one mongod serve most. Beside its usual address each has one for every line of the
Procfile, behind a proxy of its own, so that a scenario can cut one process's connections and leave
the others' alone. Replica set, cluster and the servers on a small disk run only while a scenario
needs them. Owned by the main thread.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path

from devstack import ports
from devstack.kafka import Kafka
from devstack.mongod import Mongod
from devstack.server import Server
from tests.services.kafka_cluster import KafkaCluster
from tests.services.replica_set import ReplicaSet
from tests.services.small_disk import SmallDisk, small_disk
from tests.services.tcp_proxy import TcpProxy

#: The lines of the Procfile that talk to both servers.
LINES = ("web", "worker", "rescuer")
_DISK_MIB = 700


class Needs(Enum):
    """Which servers a scenario runs on."""

    SINGLE = "one Kafka, one mongod"
    REPLICA_SET = "a replica set of three"
    KAFKA_CLUSTER = "three Kafka brokers"
    SMALL_MONGOD = "a mongod on a small disk"
    SMALL_KAFKA = "a Kafka on a small disk"


@dataclass(frozen=True)
class Link:
    """The way of one line's processes to one server: what leads them through the proxy."""

    proxy: TcpProxy
    env: Mapping[str, str]


@dataclass
class Servers:
    """What one scenario runs on; the addresses are those that no proxy stands before."""

    kafka_bootstrap: str
    mongo_uri: str
    kafka: Kafka
    mongod: Mongod
    #: By "<line>-kafka" and "<line>-mongo".
    links: Mapping[str, Link] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    cluster: KafkaCluster | None = None
    replica_set: ReplicaSet | None = None
    disk: SmallDisk | None = None


class _LinkedKafka(Kafka):
    """A broker with a listener for each line, which tells its clients the proxy's address."""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__(data_dir, port)
        self._ports = {line: ports.free_port() for line in LINES}
        self.proxies = {
            line: TcpProxy(f"{ports.LOOPBACK}:{port}") for line, port in self._ports.items()
        }
        names = ",".join(f"{line.upper()}:PLAINTEXT" for line in LINES)
        # The later of two lines with one key counts.
        self.more_properties = (
            f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{names}\n"
        )

    def _listeners(self) -> tuple[str, str]:
        ours, told = super()._listeners()
        listening = [f"{line.upper()}://{ports.LOOPBACK}:{self._ports[line]}" for line in LINES]
        proxied = [f"{line.upper()}://{self.proxies[line].address}" for line in LINES]
        return ",".join([ours, *listening]), ",".join([told, *proxied])


class Environment:
    """All servers; close it at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = contextlib.ExitStack()
        #: What only the present scenarios need, and which.
        self._special = contextlib.ExitStack()
        self._special_for: Needs | None = None
        self._present: Servers | None = None

    def servers(self, needs: Needs) -> Servers:
        """Return servers that run."""
        if needs is not self._special_for or needs in {Needs.SMALL_MONGOD, Needs.SMALL_KAFKA}:
            self._special.close()
            self._special_for = needs
            self._present = self._make(needs)
        assert self._present is not None
        return self._present

    def heal(self) -> None:
        """Make the servers whole again, whatever a scenario left."""
        if self._present is None:
            return
        for link in self._present.links.values():
            link.proxy.heal()
        if self._special_for is Needs.SINGLE:
            for server in (self._present.kafka, self._present.mongod):
                _make_whole(server)
        else:
            # A group that lost a member is cheaper made anew than repaired.
            self._special_for = None

    def close(self) -> None:
        """Stop everything."""
        self._special.close()
        self._running.close()

    def _make(self, needs: Needs) -> Servers:
        match needs:
            case Needs.SINGLE:
                return self._single
            case Needs.REPLICA_SET:
                return self._with_replica_set()
            case Needs.KAFKA_CLUSTER:
                return self._with_cluster()
            case Needs.SMALL_MONGOD | Needs.SMALL_KAFKA:
                return self._with_small_disk(needs)

    @cached_property
    def _single(self) -> Servers:
        kafka = _LinkedKafka(self._folder / "kafka", ports.free_port())
        mongod = Mongod(self._folder / "mongod", ports.free_port(), test_commands=True)
        for server in (kafka, mongod):
            self._running.callback(server.kill)
            server.launch()
        for server in (kafka, mongod):
            server.wait_until_ready()
        links = {}
        for line in LINES:
            to_kafka = kafka.proxies[line]
            to_mongo = TcpProxy(mongod.address)
            for proxy in (to_kafka, to_mongo):
                self._running.enter_context(proxy)
            uri = f"mongodb://{to_mongo.address}/?directConnection=true"
            links[f"{line}-kafka"] = Link(to_kafka, {"KAFKA_BROKERS": to_kafka.address})
            links[f"{line}-mongo"] = Link(to_mongo, {"DATABASE_SOURCE": uri})
        return Servers(kafka.bootstrap, mongod.uri, kafka, mongod, links)

    def _with_replica_set(self) -> Servers:
        folder = self._special.enter_context(_removed(self._folder / "replica-set"))
        replica_set = ReplicaSet(folder)
        self._special.callback(replica_set.stop)
        replica_set.start()
        single = self._single
        return Servers(
            single.kafka_bootstrap,
            replica_set.uri,
            single.kafka,
            single.mongod,
            replica_set=replica_set,
        )

    def _with_cluster(self) -> Servers:
        folder = self._special.enter_context(_removed(self._folder / "cluster"))
        cluster = KafkaCluster(folder)
        self._special.callback(cluster.stop)
        cluster.start()
        single = self._single
        return Servers(
            cluster.bootstrap,
            single.mongo_uri,
            single.kafka,
            single.mongod,
            env={"KAFKA__REPLICATION_FACTOR": "3"},
            cluster=cluster,
        )

    def _with_small_disk(self, needs: Needs) -> Servers:
        disk = self._special.enter_context(small_disk(self._folder / "small-disk", _DISK_MIB))
        single = self._single
        kafka, mongod = single.kafka, single.mongod
        if needs is Needs.SMALL_KAFKA:
            kafka = Kafka(disk.path / "kafka", ports.free_port())
        else:
            mongod = Mongod(disk.path / "mongod", ports.free_port())
        own: Server = kafka if needs is Needs.SMALL_KAFKA else mongod
        self._special.callback(own.kill)
        own.start()
        return Servers(kafka.bootstrap, mongod.uri, kafka, mongod, disk=disk)


@contextlib.contextmanager
def _removed(folder: Path) -> Iterator[Path]:
    """Make a folder, and remove it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_whole(server: Server) -> None:
    if server.is_paused:
        server.unpause()
    if not server.is_running:
        server.start()
