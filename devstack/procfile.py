"""The Procfile's processes: their commands, ports and environment, and honcho to run them.

`python -m devstack.procfile` is honcho's manager over all of them, PORT being the base port: logs
with a prefix, SIGTERM stops all, and when one ends the others are stopped and its exit code is
ours. Its children die with it, so whoever starts it need only see to it that it dies with him.
"""

import contextlib
import ctypes
import http.client
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import honcho.process
from honcho.environ import ProcessParams, expand_processes, parse_procfile
from honcho.manager import Manager

from devstack import ports
from devstack.process import ROOT, dies_with_parent

#: honcho's distance between the base ports of two lines; instances of one line are neighbours.
PORT_STEP = 100
_PROBE_TIMEOUT_S = 3
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_RELEASE = "release"  # runs once and ends, before the others


def processes(
    env: Mapping[str, str], concurrency: Mapping[str, int] | None = None
) -> list[ProcessParams]:
    """Return what is to run: each with its `name` ("web.1"), `cmd` and whole `env`.

    `PORT` in the given `env` is the base port; its PATH leads to the venv (`with_venv`).
    """
    lines = {name: command for name, command in _lines().items() if name != _RELEASE}
    expanded = expand_processes(lines, concurrency=concurrency, env=env)
    parser_port = next(process.env["PORT"] for process in expanded if process.name == "parser.1")
    known = {"RESUME_PARSER_URL": f"http://{ports.LOOPBACK}:{parser_port}"}
    return [process._replace(env={**known, **_own_metrics(process)}) for process in expanded]


def release_command() -> list[str]:
    """Return the command that brings the database up to date."""
    return shell(_lines()[_RELEASE])


def shell(command: str) -> list[str]:
    """Return `command` as a shell runs it, without the shell staying between us and it."""
    return ["sh", "-c", f"exec {command}"]


def with_venv(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the programs of this venv first."""
    return {**env, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"}


def is_ready(process: ProcessParams) -> bool:
    """Tell whether the process says on /readyz that it can work."""
    probe = http.client.HTTPConnection(
        ports.LOOPBACK, int(process.env["PORT"]), timeout=_PROBE_TIMEOUT_S
    )
    with contextlib.closing(probe), contextlib.suppress(OSError, http.client.HTTPException):
        probe.request("GET", "/readyz")
        return bool(probe.getresponse().status == HTTPStatus.OK)
    return False


def _lines() -> dict[str, str]:
    return dict(parse_procfile((ROOT / "Procfile").read_text()).processes)


def _own_metrics(process: ProcessParams) -> dict[str, str]:
    """Give the process a metrics directory of its own: its /metrics must not count the others."""
    env: dict[str, str] = process.env
    if base := env.get("PROMETHEUS_MULTIPROC_DIR"):
        own = Path(base) / process.name
        own.mkdir(parents=True, exist_ok=True)
        return {**env, "PROMETHEUS_MULTIPROC_DIR": str(own)}
    return env


class _Keeper(honcho.process.Process):  # type: ignore[misc]  # honcho is untyped
    """honcho's own child, which reads the output of one process: it must not outlive honcho."""

    def run(self, *args: Any, **kwargs: Any) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        super().run(*args, **kwargs)


def main() -> int:
    """Run all processes until one ends or we are told to stop; return the exit code."""
    manager = Manager()
    manager._process_ctor = _Keeper  # noqa: SLF001  # the seam honcho's own tests use
    for process in processes(os.environ):
        command = f"exec {shlex.join(dies_with_parent(shell(process.cmd)))}"
        manager.add_process(process.name, command, env=process.env, cwd=str(ROOT))
    manager.loop()
    return int(manager.returncode)


if __name__ == "__main__":
    sys.exit(main())
