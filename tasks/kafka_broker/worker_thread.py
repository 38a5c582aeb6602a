"""A thread beside a process's tasks, for as long as its first worker runs.

A process may have several dramatiq workers; what a middleware tells or asks, it does once for all
of them. Started and stopped on the process's main thread, by the hooks of dramatiq.
"""

import threading
from collections.abc import Callable

from dramatiq import Worker

#: A stopping worker waits no longer for what the thread says last.
_STOP_TIMEOUT_S = 2.0


class WorkerThread:
    """One thread at a time; what it runs ends soon after `stopping` is set."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        #: Whose it is; None while there is no thread.
        self.worker: Worker | None = None
        self.stopping = threading.Event()

    def start(self, worker: Worker, run: Callable[[], None]) -> None:
        """Run `run` until this worker stops, unless another of the process has the thread."""
        if self.worker is None:
            self.worker = worker
            self.stopping.clear()
            self._thread = threading.Thread(target=run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, worker: Worker) -> None:
        """Let it end, if it is this worker's."""
        if self.worker is worker and self._thread is not None:
            self.stopping.set()
            self._thread.join(_STOP_TIMEOUT_S)
            self.worker = self._thread = None
