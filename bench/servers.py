"""The peers' servers: children of the bench on free ports, with data that is thrown away."""

from pathlib import Path

from bench import debian
from devstack import ports
from devstack.process import Process
from devstack.server import READY_WITHIN_S, Server


class Redis(Server):
    """Redis that keeps nothing on disk."""

    name = "Redis"
    port_setting = ""

    def _command(self) -> list[str]:
        program = debian.find_or_install("redis-server", package="redis-server")
        listen = ["--bind", ports.LOOPBACK, "--port", str(self.port)]
        return [program, *listen, "--save", "", "--appendonly", "no", "--dir", str(self.data_dir)]

    def _wait_until_ready(self, process: Process) -> None:
        process.wait_until(lambda: ports.is_busy(self.port), within_s=READY_WITHIN_S)


class RabbitMQ(Server):
    """RabbitMQ with its defaults; `Epmd` must run on `epmd_port`."""

    name = "RabbitMQ"
    port_setting = ""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__(data_dir, port)
        self._epmd = Epmd(data_dir / "epmd", ports.free_port())

    def launch(self) -> None:
        """Start the name server first: left to Erlang, it would become a daemon and stay."""
        self._program = debian.find_or_install(_RABBITMQ, package="rabbitmq-server")
        self._epmd.start()
        super().launch()

    def stop(self) -> None:
        """Stop both."""
        super().stop()
        self._epmd.stop()

    def kill(self) -> None:
        """Kill both."""
        super().kill()
        self._epmd.kill()

    def _command(self) -> list[str]:
        settings = {
            "HOME": self.data_dir,  # of Erlang's cookie
            "ERL_EPMD_PORT": self._epmd.port,
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": ports.LOOPBACK,
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": ports.free_port(),
            "RABBITMQ_MNESIA_BASE": self.data_dir / "mnesia",
            "RABBITMQ_LOG_BASE": self.data_dir / "log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.data_dir / "enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Makes the script become the server instead of staying its parent.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }
        return ["env", *(f"{name}={value}" for name, value in settings.items()), self._program]

    def _wait_until_ready(self, process: Process) -> None:
        process.wait_until(lambda: ports.is_busy(self.port), within_s=READY_WITHIN_S)


class Epmd(Server):
    """Erlang's name server, in the foreground."""

    name = "epmd"
    port_setting = ""

    def _command(self) -> list[str]:
        return ["epmd", "-address", ports.LOOPBACK, "-port", str(self.port)]

    def _wait_until_ready(self, process: Process) -> None:
        process.wait_until(lambda: ports.is_busy(self.port), within_s=READY_WITHIN_S)


# Not the one on PATH, which insists on a user of its own.
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
