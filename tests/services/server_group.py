"""Servers that work as one, for tests that take some of them away; counted from 0.

Start and restart them from the main thread: a server is killed when the thread that started it
ends.
"""

import abc
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from devstack.server import Server
from tests.eventually import eventually

_STOP_WITHIN_S = 6
_LOG_LINES = 13  # of each: a failed test shows the last 40 of all

S = TypeVar("S", bound=Server)


class ServerGroup(abc.ABC, Generic[S]):
    """Several servers to start together, and to kill, pause and start again one by one."""

    def __init__(self, name: str, servers: Sequence[S]) -> None:
        self.name = name
        self.servers = servers

    def start(self) -> None:
        """Start all and return when they work as one; kill them and raise when they can't."""
        try:
            for server in self.servers:
                server.launch()
            for server in self.servers:
                server.wait_until_ready()
            self._join()
        except BaseException as error:
            error.add_note(self.log_tail())
            for server in self.servers:
                server.kill()
            raise

    def stop(self) -> None:
        """Stop all in order, at the same time; harmless when they do not run.

        Without a majority some wait for it rather than end: they are killed, and keep their data.
        """
        for server in self.servers:
            server.ask_to_stop()
        with suppress(AssertionError):
            eventually(lambda: not any(s.is_running for s in self.servers), within_s=_STOP_WITHIN_S)
        for server in self.servers:
            server.kill()

    def kill(self, index: int) -> None:
        """Kill one at once, as a crash of its machine would."""
        self.servers[index].kill()

    def restart(self, index: int) -> None:
        """Start one that was killed, or stop and start it; return when it answers.

        That it has caught up with the others is another question.
        """
        self.servers[index].stop()
        self.servers[index].start()

    def pause(self, index: int) -> None:
        """Stop one in its tracks (SIGSTOP): it answers nothing, and its connections stay open."""
        self.servers[index].pause()

    def resume_(self, index: int) -> None:
        """Let a paused one go on (SIGCONT)."""
        self.servers[index].unpause()

    def answering(self) -> list[int]:
        """Return which of them run and are not paused."""
        return [
            index
            for index, server in enumerate(self.servers)
            if server.is_running and not server.is_paused
        ]

    def log_tail(self) -> str:
        """Return what each has logged lately."""
        return "\n".join(
            f"{index} | {line}"
            for index, server in enumerate(self.servers)
            for line in server.log_tail().splitlines()[-_LOG_LINES:]
        )

    @abc.abstractmethod
    def _join(self) -> None:
        """Make the servers, which answer, work as one; return when they do."""
