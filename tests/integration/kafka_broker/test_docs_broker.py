"""docs/broker.md's five minutes, in a project that has nothing of ours but the folder."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.process import ROOT, Process
from tests.eventually import eventually

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, kafka_bootstrap: str, topic_prefix: str) -> Path:
    shutil.copytree(ROOT / "tasks" / "kafka_broker", tmp_path / "tasks" / "kafka_broker")
    app, sender, *_ = _BLOCK.findall((ROOT / "docs" / "broker.md").read_text())
    for place, ours in {"localhost:9092": kafka_bootstrap, '"shop"': f'"{topic_prefix}"'}.items():
        assert place in app
        app = app.replace(place, ours)
    (tmp_path / "app.py").write_text(app)
    (tmp_path / "sender.py").write_text(sender)
    return tmp_path


@pytest.fixture
def workers(project: Path) -> Iterator[Process]:
    """`dramatiq app:broker -p 2 -t 8`, as the page has it."""
    process = Process(
        "dramatiq",
        [
            *("env", "--chdir", str(project)),  # not ours, where `tasks` is another package
            *(sys.executable, "-u", "-m", "dramatiq", "app:broker", "-p", "2", "-t", "8"),
        ],
        log_path=project / "workers.log",
    )
    process.start()
    yield process
    process.stop()


def test_a_newcomer_gets_his_mails_out(project: Path, workers: Process) -> None:
    subprocess.run(
        [sys.executable, "sender.py"], cwd=project, check=True, capture_output=True, timeout=60
    )

    def sent() -> set[str]:
        log = (project / "workers.log").read_text()
        return set(re.findall(r"Welcome to (\w+)@example\.org", log))

    expected = {"ann", *(str(number) for number in range(1000))}
    eventually(lambda: sent() == expected, within_s=60, why=workers.name)
