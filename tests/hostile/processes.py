"""The processes of a stack as the kernel sees them: which there are, and what they hold."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.services.stack import ServiceStack

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def processes_of(stack: ServiceStack) -> dict[int, str]:
    """Return the command line of each process of the stack, by pid."""
    mark = f"DATABASE_NAME={stack.database_name}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or is not ours
            if mark in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
    return found


def web_worker_of(stack: ServiceStack) -> int:
    """Return the pid of the one process that serves HTTP, gunicorn's child."""
    web = {pid for pid, command in processes_of(stack).items() if "gunicorn.conf.py" in command}
    [child] = [pid for pid in web if _parent(pid) in web]
    return child


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def held_connections(server_port: int, client_ports: set[int]) -> int:
    """Return how many connections of these clients the server has not closed yet."""
    # sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        _port(row[1]) == server_port and _port(row[2]) in client_ports and row[9] != "0"
        for row in rows
    )


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def growth_bytes(pid: int, work: Callable[[], object], *, warm_up: int, repeats: int) -> int:
    """Return by how much the process grows over the repeats, once it is warm."""
    for _ in range(warm_up):
        work()
    before = resident_bytes(pid)
    for _ in range(repeats):
        work()
    return resident_bytes(pid) - before


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _parent(pid: int) -> int:
    # The name, in parentheses, may hold spaces.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
