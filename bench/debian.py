"""Debian's servers: find them, or have apt-get install them; their own services stay off."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.errors import BenchError


def find_or_install(program: Path | str, *, package: str) -> str:
    """Return the program's path, installing `package` where that takes no password."""
    if not (found := shutil.which(program)):
        _install(package)
        found = shutil.which(program)
    if not found:
        raise BenchError(f"no {package}: apt-get install {package}")
    return found


def version(package: str) -> str:
    """Return the installed version, or "" where dpkg knows none."""
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _install(package: str) -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if not all(map(shutil.which, [*as_root, "apt-get"])):
        return
    print(f"installing {package} with apt-get ...", flush=True)
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"]
    for command in (
        [*apt_get, "update"],
        [*apt_get, "install", "--yes", "--no-install-recommends", package],
        # Debian starts what it installs; ours runs on a port of its own, and nobody asked for this.
        [*as_root, "systemctl", "disable", "--now", package],
    ):
        if shutil.which(command[0]):
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
