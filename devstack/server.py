"""What Kafka and mongod have in common: a child process on a loopback port, with data and a log."""

import abc
from pathlib import Path

from devstack import ports
from devstack.errors import DevstackError
from devstack.process import Process

READY_WITHIN_S = 60


class Server(abc.ABC):
    """A server to start and stop again and again; its data survives both `stop` and `kill`.

    Owned by the thread that starts it: the server is killed when that thread ends.
    """

    name: str
    #: What a person sets to have it on another port.
    port_setting: str

    def __init__(self, data_dir: Path, port: int) -> None:
        self.port = port
        self.data_dir = data_dir
        self.log_path = data_dir / f"{self.name.lower()}.log"
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def is_running(self) -> bool:
        """True from `start` until the process ended; a paused one runs."""
        return self._process is not None and self._process.is_running

    @property
    def pid(self) -> int:
        """The id of its process; DevstackError when it does not run."""
        return self._launched().pid

    @property
    def is_paused(self) -> bool:
        """True from `pause` until `unpause`, or until the process ended."""
        return self._process is not None and self._process.is_paused

    def start(self) -> None:
        """Start the server and return when it answers; raise DevstackError when it can't."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the server without waiting for it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._process = Process(self.name, self._command(), log_path=self.log_path)
        self._process.start()

    def wait_until_ready(self) -> None:
        """Return when the launched server answers; kill it and raise when it does not."""
        process = self._launched()
        try:
            self._wait_until_ready(process)
        except BaseException:
            self.kill()
            raise

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP), as a machine that hangs; its connections stay open."""
        self._launched().pause()

    def unpause(self) -> None:
        """Let it go on (SIGCONT) as if no time had passed."""
        self._launched().unpause()

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting, so that several can stop at the same time."""
        if self._process:
            self._process.ask_to_stop()

    def stop(self) -> None:
        """Stop it in order (SIGTERM, bounded); harmless when it does not run."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kill it at once, as a crash would, paused or not; harmless when it does not run."""
        if self._process:
            self._process.kill()

    def log_tail(self) -> str:
        """Return the end of its log."""
        return self._process.log_tail() if self._process else ""

    def _launched(self) -> Process:
        if self._process is None:
            raise DevstackError(f"{self.name} was not launched")
        return self._process

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """Return the command line, everything it needs being in place."""

    @abc.abstractmethod
    def _wait_until_ready(self, process: Process) -> None:
        """Return when clients can work with it."""
