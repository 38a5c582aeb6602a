"""dramatiq's own command line on KafkaBroker: processes, threads, --queues and signals."""

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from devstack.process import Process
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log

_APP = "tests.integration.kafka_broker.cli_app"
#: kafka-python reads its schemas with what Python 3.11 deprecates.
_WARNINGS = (
    "error,ignore:read_text is deprecated:DeprecationWarning,"
    "ignore:open_text is deprecated:DeprecationWarning"
)


class Cli:
    """`dramatiq` as an operator starts it, and what its tasks noted."""

    def __init__(self, app: ModuleType, directory: Path) -> None:
        self.app = app
        self._runs = Path(os.environ["RUNS"])
        self._process = Process(
            "dramatiq",
            [
                # Not `python -m dramatiq`: that one looks for `python` on PATH after a SIGHUP.
                *(str(Path(sys.executable).with_name("dramatiq")), f"{_APP}:broker"),
                *("--processes", "2", "--threads", "4", "--queues", "default"),
                *("--pid-file", str(directory / "pid")),
            ],
            log_path=directory / "log",
            env={**os.environ, "PYTHONWARNINGS": _WARNINGS},
        )
        self._pid_file = directory / "pid"
        self._process.start()

    def runs(self) -> list[list[str]]:
        """Return each line noted: what, of which, by which process."""
        lines = self._runs.read_text().splitlines() if self._runs.exists() else []
        return [line.split() for line in lines]

    def pids(self, what: str) -> set[str]:
        return {pid for noted, _, pid in self.runs() if noted == what}

    def signal(self, number: signal.Signals) -> None:
        os.kill(int(self._pid_file.read_text()), number)

    def wait_for_exit(self) -> int | None:
        eventually(lambda: not self._process.is_running, within_s=20)
        return self._process.returncode

    def log(self) -> str:
        return self._process.log_tail(1000)

    def kill(self) -> None:
        self._process.kill()


@pytest.fixture
def app(
    kafka_bootstrap: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    monkeypatch.setenv("BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("NAMESPACE", topic_prefix)
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.delitem(sys.modules, _APP, raising=False)
    app = importlib.import_module(_APP)
    app.broker.ensure_topics()
    yield app
    app.broker.close()


@pytest.fixture
def cli(app: ModuleType, tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(app, tmp_path)
    yield cli
    cli.kill()


def test_the_processes_share_the_named_queues_and_leave_the_others(cli: Cli, log: Log) -> None:
    cli.app.other.send()
    for number in range(100):
        cli.app.go.send(number)
    eventually(lambda: len([run for run in cli.runs() if run[0] == "end"]) == 100, within_s=30)
    assert cli.pids("begin") == cli.pids("end")
    assert sorted(int(run[1]) for run in cli.runs() if run[0] == "begin") == list(range(100))
    assert log.committed(cli.app.broker, "other") == {}
    eventually(lambda: len(cli.pids("end")) == 2 or _send_more(cli), within_s=20)
    assert "Traceback" not in cli.log()


def _send_more(cli: Cli) -> bool:
    """The second process may join after all was done: give it something."""
    for number in range(8):
        cli.app.go.send(1000 + number)
    return False


def test_sigterm_lets_running_tasks_end_and_commits_them(cli: Cli, log: Log) -> None:
    cli.app.slow.send()
    eventually(cli.runs, within_s=20)
    cli.signal(signal.SIGTERM)
    assert cli.wait_for_exit() == 0
    assert [run[:2] for run in cli.runs()] == [["begin", "slow"], ["end", "slow"]]
    assert sum(log.committed(cli.app.broker).values()) == 1
    assert "Traceback" not in cli.log()


def test_sighup_begins_anew_with_new_processes_and_repeats_nothing(cli: Cli) -> None:
    cli.app.slow.send()
    eventually(cli.runs, within_s=20)
    cli.signal(signal.SIGHUP)
    eventually(lambda: len(cli.runs()) == 2, within_s=20)
    cli.app.go.send(1)
    eventually(lambda: len(cli.runs()) == 4, within_s=20)
    assert [run[:2] for run in cli.runs()] == [
        ["begin", "slow"],
        ["end", "slow"],
        ["begin", "1"],
        ["end", "1"],
    ]
    assert len(cli.pids("begin")) == 2
    assert "Traceback" not in cli.log()
