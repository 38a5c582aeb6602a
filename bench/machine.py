"""What the numbers depend on: the machine, its load and all versions."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import debian, environments
from bench.catalogue import Peer
from bench.errors import BenchError
from devstack import java
from devstack.process import ROOT

#: Of all that is installed beside a peer, what its numbers come from.
_TOLD = (
    *("aiokafka", "celery", "crc32c", "dramatiq", "faststream", "hiredis", "kafka-python"),
    *("kombu", "pika", "redis", "taskiq", "taskiq-aio-kafka"),
)
_KIB_PER_GIB = 2**20

Facts = dict[str, str]


def describe() -> Facts:
    """Return what this machine is and how busy, as it is now."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / _KIB_PER_GIB:.0f} GiB",
        "system": f"{_field('/etc/os-release', 'PRETTY_NAME', '=')}, Linux {platform.release()}",
        "load": load(),
    }


def load() -> str:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def server_versions() -> Facts:
    """Return the versions of what is not a Python package."""
    kafka = re.search(r"kafka_[\d.]+:([\d.]+)", (ROOT / "devstack/kafka.toml").read_text())
    return {
        "Python": platform.python_version(),
        "Kafka": kafka[1] if kafka else "",
        "Java": _first_line([str(java.find_or_install()), "-version"]),
        "Redis": debian.version("redis-server"),
        "RabbitMQ": debian.version("rabbitmq-server"),
        "Erlang": debian.version("erlang-base"),
    }


def peer_versions(peers: Sequence[Peer]) -> Facts:
    """Return the versions of each peer's packages; "" for one that can't be installed."""
    versions = {}
    for peer in peers:
        try:
            installed = [line.partition("==") for line in environments.freeze(peer)]
        except BenchError:
            installed = []
        told = [f"{name} {version}" for name, _, version in installed if name in _TOLD]
        versions[peer.name] = ", ".join(told)
    return versions


def _field(path: str, name: str, separator: str = ":") -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip().strip('"')
    return ""


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
