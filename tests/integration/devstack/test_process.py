"""A child ends when it should, however it resists and however its parent ends."""

import subprocess
import sys
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


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not state.startswith("Z")
