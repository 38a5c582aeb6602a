"""TCP ports of this machine: find a free one, or say who holds a wanted one.

Pure look-ups, safe from any thread. A free port is only free until somebody else takes it.
"""

import contextlib
import secrets
import socket
from pathlib import Path

from devstack.errors import DevstackError

LOOPBACK = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections: one of those could take ours between
# the look-up and the server's start, or while a server is down in a test.
_FIRST, _LAST = 10_000, 32_000
_TCP_LISTEN = "0A"  # the state's number in /proc/net/tcp


def free_port(*offsets: int) -> int:
    """Return a port that nobody uses now, nor those that lie `offsets` above it."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if not any(is_busy(port + offset) for offset in (0, *offsets)):
            return port


def is_busy(port: int) -> bool:
    """Tell whether somebody listens on `port`."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is not busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def require_free(port: int, *, setting: str, what: str) -> None:
    """Raise DevstackError naming the holder and `setting` when `port` is taken."""
    if is_busy(port):
        holder = _listener(port)
        by = f" by {holder}" if holder else ""
        raise DevstackError(
            f"port {port} for {what} is in use{by}: stop that, or choose another with {setting}=..."
        )


def _listener(port: int) -> str:
    """Name the process that listens on `port`, or "" where /proc doesn't tell us."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        # Other users' processes can't be read, and any process may end while we look.
        with contextlib.suppress(OSError):
            if str(fd.readlink()) in sockets:
                process = fd.parents[1]
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _TCP_LISTEN and int(local.rpartition(":")[2], 16) == port:
                    inodes.add(rest[5])
    return inodes
