"""`make demo` as a stranger runs it: everything from nothing, the main job, and all stopped."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(240)
def test_the_demo_shows_the_main_job_and_succeeds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devstack", "demo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f'"status": "{s}"') for s in ("pending", "processing", "completed")]
    assert places == sorted(places)
