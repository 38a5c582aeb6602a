"""One child process: its own process group, its output in a log file, never an orphan.

Owned by the thread that started it: on Linux the kernel kills the child when that thread ends
(PR_SET_PDEATHSIG), which covers `kill -9` of ourselves. Start it from the main thread.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError

ROOT = Path(__file__).parents[1]
_POLL_INTERVAL_S = 0.05


def dies_with_parent(argv: Sequence[str]) -> list[str]:
    """Return `argv` wrapped so that the kernel kills it when its parent is gone.

    util-linux's setpriv instead of a `preexec_fn`, which may deadlock in a process with threads.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *argv] if setpriv else list(argv)


class Process:
    """A child to start, watch and stop; `stop` and `kill` may come twice, or before `start`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._argv = dies_with_parent(argv)
        self._env = env
        self._child: subprocess.Popen[bytes] | None = None
        self._is_asked = False
        self._is_paused = False

    def start(self) -> None:
        """Start the child, its output appended to the log, or to ours where it has none."""
        self._is_asked = self._is_paused = False
        with contextlib.ExitStack() as opened:
            output = None
            if self.log_path:
                self.log_path.parent.mkdir(parents=True, exist_ok=True)
                output = opened.enter_context(self.log_path.open("ab"))
            self._child = subprocess.Popen(
                self._argv,
                env=self._env,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to hand on, in order
            )

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs or before it was started."""
        return self._child.poll() if self._child else None

    @property
    def is_running(self) -> bool:
        """True from `start` until the child ended; a paused one runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The id of the child and of its process group; DevstackError when it does not run."""
        if self._child is None or self._child.poll() is not None:
            raise DevstackError(f"{self.name} does not run")
        return self._child.pid

    @property
    def is_paused(self) -> bool:
        """True from `pause` until `unpause`, or until the child ended."""
        return self._is_paused and self.is_running

    def pause(self) -> None:
        """Stop the whole process group in its tracks (SIGSTOP)."""
        # Without waiting for the state "stopped": a child in the middle of a vfork stands still in
        # another one, for good, when its own child is stopped.
        os.killpg(self.pid, signal.SIGSTOP)
        self._is_paused = True

    def unpause(self) -> None:
        """Let a paused process group go on (SIGCONT); harmless to one that is not paused."""
        os.killpg(self.pid, signal.SIGCONT)
        self._is_paused = False

    def wait_until(
        self, is_ready: Callable[[], bool], *, within_s: float, what: str | None = None
    ) -> None:
        """Poll `is_ready`; raise DevstackError when the child ends first or time is up."""
        deadline = time.monotonic() + within_s
        what = what or self.name
        see = f"; see {self.log_path}" if self.log_path else "; see above"
        while not is_ready():
            if not self.is_running:
                raise DevstackError(f"{self.name} ended with code {self.returncode}{see}")
            if time.monotonic() > deadline:
                raise DevstackError(f"{what} was not ready within {within_s:.0f} s{see}")
            time.sleep(_POLL_INTERVAL_S)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once: to some programs a second one means "at once"."""
        if self._child and not self._is_asked:
            self._child.terminate()
            self._is_asked = True
            if self.is_paused:  # it would not hear the signal
                self.unpause()

    def stop(self, *, within_s: float = 15) -> None:
        """Ask the child to end; kill what is left of its group after `within_s`."""
        self.ask_to_stop()
        if self._child:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(within_s)
        self.kill()

    def kill(self) -> None:
        """Kill the child and everything in its process group, at once, paused or not."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._child = None

    def log_tail(self, lines: int = 40) -> str:
        """Return the end of the log, for a failure's message."""
        if self.log_path is None or not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
