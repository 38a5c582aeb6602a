"""A child ends when it should, however it resists and however its parent ends."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.process import Process
from tests.eventually import eventually

STUBBORN = "trap '' TERM; sleep 60 & echo $!; while true; do sleep 1; done"


def test_a_child_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    child = Process("stubborn", ["sh", "-c", STUBBORN], log_path=tmp_path / "log")
    child.start()
    grandchild = int(eventually(child.log_tail))
    child.stop(within_s=0.1)
    assert not child.is_running
    eventually(lambda: not _runs(grandchild))


def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    program = (
        "import time; from devstack.process import Process;"
        "child = Process('sleeper', ['sh', '-c', 'echo $$; exec sleep 60']);"
        "child.start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.kill()
    eventually(lambda: not _runs(child))


def test_waiting_for_a_child_that_ends_says_so_and_where_to_look(tmp_path: Path) -> None:
    child = Process("broken", ["sh", "-c", "exit 3"], log_path=tmp_path / "log")
    child.start()
    with pytest.raises(DevstackError, match=r"broken ended with code 3; see .*log"):
        child.wait_until(lambda: False, within_s=10)
    child.stop()


def test_a_stopped_child_can_be_started_again(tmp_path: Path) -> None:
    child = Process("again", ["sh", "-c", "echo started; exec sleep 60"], log_path=tmp_path / "log")
    child.start()
    eventually(lambda: child.log_tail().split() == ["started"])
    child.stop()
    child.stop()
    assert not child.is_running
    child.start()
    eventually(lambda: child.log_tail().split() == ["started", "started"])
    child.stop()


LISTENING = "trap 'echo asked; exit 0' TERM; sleep 60 & echo $!; wait"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Process]:
    child = Process("listening", ["sh", "-c", LISTENING], log_path=tmp_path / "log")
    child.start()
    eventually(child.log_tail)
    yield child
    child.kill()


def test_a_paused_child_stands_still_with_its_children_and_goes_on(listening: Process) -> None:
    group = (listening.pid, int(listening.log_tail()))
    listening.pause()
    listening.pause()
    assert (listening.is_running, listening.is_paused) == (True, True)
    eventually(lambda: [_state(pid) for pid in group] == ["T", "T"])
    listening.unpause()
    assert (listening.is_running, listening.is_paused) == (True, False)
    eventually(lambda: [_state(pid) for pid in group] == ["S", "S"])


def test_a_paused_child_can_be_killed(listening: Process) -> None:
    pid = listening.pid
    listening.pause()
    listening.kill()
    assert not listening.is_paused
    assert not _runs(pid)


def test_a_paused_child_hears_that_it_is_to_stop(listening: Process) -> None:
    listening.pause()
    listening.stop()
    assert listening.log_tail().split()[-1] == "asked"


def test_a_child_that_does_not_run_has_no_pid_and_can_not_be_paused(tmp_path: Path) -> None:
    child = Process("brief", ["true"], log_path=tmp_path / "log")
    for attempt in (lambda: child.pid, child.pause, child.unpause):
        with pytest.raises(DevstackError, match="brief does not run"):
            attempt()
    child.start()
    eventually(lambda: not child.is_running)
    with pytest.raises(DevstackError, match="brief does not run"):
        child.pause()
    child.stop()


def _runs(pid: int) -> bool:
    return _state(pid) not in {"", "Z"}


def _state(pid: int) -> str:
    """Return the process's state as ps names it, "" where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):  # it may end between open and read
        return ""
