"""A peer's worker: one or more process trees that can be measured and killed.

Owned by the bench's main thread; leaving `started` leaves none of its processes behind.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench import memory
from devstack.process import Process


class _Tree(Process):
    """A process that leads a session, by which its descendants are known."""

    @property
    def session(self) -> int:
        """The session's id; 0 when it does not run."""
        return self._child.pid if self._child else 0


class Worker:
    """The running commands of one peer."""

    def __init__(
        self, name: str, commands: list[list[str]], env: dict[str, str], log_path: Path
    ) -> None:
        self.log_path = log_path
        self._trees = [_Tree(name, command, env=env, log_path=log_path) for command in commands]

    @property
    def is_running(self) -> bool:
        """True while all commands run."""
        return all(tree.is_running for tree in self._trees)

    def start(self) -> None:
        """Start all commands; they get ready in their own time."""
        for tree in self._trees:
            tree.start()

    def kill(self) -> None:
        """Kill all processes of all commands with SIGKILL."""
        for tree in self._trees:
            tree.kill()

    def memory(self) -> memory.Memory:
        """Measure all its processes."""
        return memory.of_sessions(tree.session for tree in self._trees)

    def log_tail(self) -> str:
        """Return the last line that it wrote."""
        return self._trees[0].log_tail(lines=1)


@contextlib.contextmanager
def started(worker: Worker) -> Iterator[Worker]:
    """Start `worker`; kill it on leaving."""
    try:
        worker.start()
        yield worker
    finally:
        worker.kill()
