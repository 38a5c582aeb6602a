"""Where everything runs: the servers, a folder that is thrown away, and each run's own queue.

One site per bench, used by the main thread alone. All servers are up during all runs, so that what
an idle one costs hits all peers alike.
"""

import contextlib
import dataclasses
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from bench import environments
from bench.catalogue import Peer
from bench.errors import BenchError
from bench.inside.run import Run
from bench.servers import RabbitMQ, Redis
from bench.workers import Worker
from devstack import ports
from devstack.errors import DevstackError
from devstack.kafka import Kafka
from devstack.process import ROOT, dies_with_parent
from devstack.server import Server

_SERVERS: dict[str, type[Server]] = {"Kafka": Kafka, "Redis": Redis, "RabbitMQ": RabbitMQ}
_CLIENT_TIMEOUT_S = 600


class Site:
    """Servers and runs; `stops` ends them."""

    def __init__(self, folder: Path, stops: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stops = stops
        self._servers: dict[str, Server] = {}
        self._kept: dict[str, Run] = {}

    def prepare(self, peer: Peer) -> None:
        """Install the peer and start its server; BenchError when either can't be."""
        environments.bin_dir(peer)
        if peer.server in self._servers:
            return
        server = _SERVERS[peer.server](self._folder / peer.server.lower(), ports.free_port())
        self._stops.callback(server.stop)
        try:
            server.start()
        except DevstackError as error:
            raise BenchError(str(error)) from error
        self._servers[peer.server] = server

    @contextlib.contextmanager
    def run(self, peer: Peer, *, partitions: int = 8) -> Iterator[Run]:
        """Give a run its queue and its folder for records."""
        server = self._servers[peer.server]
        queue = f"bench-{secrets.token_hex(4)}"
        run = self.with_records(Run(server.address, queue, "", partitions=partitions))
        with _topic(run) if isinstance(server, Kafka) else contextlib.nullcontext():
            yield run

    def with_records(self, run: Run) -> Run:
        """Return `run` with an empty folder for records."""
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir()
        return dataclasses.replace(run, records_dir=str(folder))

    def once(self, key: str, make: Callable[[], Run]) -> Run:
        """Return what `make` returned when first asked for `key`."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def enter(self, run: contextlib.AbstractContextManager[Run]) -> Run:
        """Keep a run until the bench ends."""
        return self._stops.enter_context(run)

    def send(self, peer: Peer, run: Run, command: str, **options: float) -> dict[str, Any]:
        """Run the peer's client (see bench.inside.client) to its end and return what it says."""
        words = ["python", "-m", "bench.inside.client", peer.app, command]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        try:
            done = subprocess.run(
                dies_with_parent(self._in_environment(peer, words)),
                env=self._env(peer, run),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_CLIENT_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"sending took more than {_CLIENT_TIMEOUT_S} s") from None
        if done.returncode:
            raise BenchError(f"sending failed: {(done.stderr.strip() or '?').splitlines()[-1]}")
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    def worker(self, peer: Peer, run: Run, *, processes: int = 1) -> Worker:
        """Return the peer's worker, not started."""
        commands = peer.commands(processes=processes, threads=run.threads)
        return Worker(
            peer.name,
            [self._in_environment(peer, command) for command in commands],
            self._env(peer, run),
            self._folder / f"{run.queue}.log",
        )

    def _in_environment(self, peer: Peer, command: list[str]) -> list[str]:
        return [str(environments.bin_dir(peer) / command[0]), *command[1:]]

    def _env(self, peer: Peer, run: Run) -> dict[str, str]:
        path = f"{environments.bin_dir(peer)}{os.pathsep}{os.environ['PATH']}"
        home = os.environ.get("HOME", "/")
        return {"PATH": path, "HOME": home, "PYTHONPATH": str(ROOT), **run.environment()}


@contextlib.contextmanager
def _topic(run: Run) -> Iterator[None]:
    """Make a topic for peers who need one with partitions, and remove all that the run made."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=run.address)) as admin:
        admin.create_topics({run.queue: {"num_partitions": run.partitions}})
    try:
        yield
    finally:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=run.address)) as admin:
            admin.delete_topics([t for t in admin.list_topics() if t.startswith(run.queue)])
