"""`python -m devstack run | demo | clean-data`: what the Makefile's targets call.

Whatever can be wrong on somebody's machine ends as one line on stderr and exit code 1.
"""

import argparse
import shutil
import signal
import sys
from types import FrameType

from devstack import run, stack
from devstack.demo import demo
from devstack.errors import DevstackError

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    commands = {"run": run.run, "demo": demo, "clean-data": clean_data}
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("command", choices=commands)
    command = parser.parse_args(arguments).command
    for signum in _STOP_SIGNALS:
        signal.signal(signum, _stop_once)
    try:
        commands[command]()
    except KeyboardInterrupt:
        print("stopped")
    except (DevstackError, OSError) as error:
        sys.stderr.write(f"make {command}: {_one_line(error)}\n")
        return 1
    return 0


def clean_data() -> None:
    """Remove the data of `make run`, unless it is running."""
    if run.DATA_DIR.exists():
        with stack.only_owner(run.DATA_DIR):
            shutil.rmtree(run.DATA_DIR)


def _stop_once(_signum: int, _frame: FrameType | None) -> None:
    # Stopping is bounded; a second Ctrl-C in the middle of it would only leave things lying about.
    for signum in _STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # a full disk, a foreign directory, ...
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
