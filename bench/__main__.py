"""`python -m bench run | report`: measure, or make the tables anew from the last run's JSON."""

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from bench.catalogue import PEERS
from bench.plan import PARTS, carry_out
from bench.site import Site


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    options = _parse(arguments)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)
    parts = [part for part in PARTS if part.group in (options.only or [part.group])]
    peers = [peer for peer in PEERS if peer.name in (options.peers or [peer.name])]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stops:
        carry_out(Site(Path(folder), stops), parts, peers, rounds=options.rounds)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--only", type=_words)
    parser.add_argument("--peers", type=_words)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args(arguments)


def _words(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
