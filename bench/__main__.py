"""`python -m bench run | report`: measure, or make the page's tables anew from the last whole run.

`run` prints its tables and leaves them in bench/results; a run of all parts and peers also brings
docs/performance.json and docs/performance.md up to date. It exits with 1 when a peer failed.
"""

import argparse
import contextlib
import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from bench import machine
from bench.catalogue import PEERS
from bench.plan import PARTS, carry_out
from bench.report import Outcome, render, write_page
from bench.samples import Results, failures
from bench.site import Site
from devstack.process import ROOT

_LAST = ROOT / "bench/results/last.json"
_WHOLE = ROOT / "docs/performance.json"
_PAGE = ROOT / "docs/performance.md"


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    options = _parse(arguments)
    if options.command == "report":
        if not _WHOLE.exists():
            sys.stderr.write(f"bench: no {_WHOLE}: a whole `make bench` writes it\n")
            return 1
        write_page(_PAGE, _WHOLE)
        return 0
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _stop_once)
    outcome, is_complete = _run(options)
    _save(outcome, is_whole=is_complete and not (options.only or options.peers))
    print(f"\n{render(outcome)}")
    return 0 if is_complete and not failures(outcome["results"]) else 1


def _run(options: argparse.Namespace) -> tuple[Outcome, bool]:
    """Measure; return what is known, and whether nobody stopped us."""
    parts = [part for part in PARTS if part.group in (options.only or [part.group])]
    peers = [peer for peer in PEERS if peer.name in (options.peers or [peer.name])]
    facts, results, is_complete = machine.describe(), Results(), False
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        contextlib.ExitStack() as stops,
        contextlib.suppress(KeyboardInterrupt),
    ):
        site = Site(Path(folder), stops)
        carry_out(site, parts, peers, rounds=options.rounds, results=results)
        is_complete = True
    outcome = {
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "rounds": options.rounds,
        "facts": facts,
        "load_after": machine.load(),
        "servers": machine.server_versions(),
        "packages": machine.peer_versions(peers),
        "results": results,
    }
    return outcome, is_complete


def _save(outcome: Outcome, *, is_whole: bool) -> None:
    text = json.dumps(outcome, indent=1) + "\n"
    _LAST.parent.mkdir(exist_ok=True)
    _LAST.write_text(text)
    if is_whole:
        _WHOLE.write_text(text)
        write_page(_PAGE, _WHOLE)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure")
    groups, peers = dict.fromkeys(part.group for part in PARTS), [peer.name for peer in PEERS]
    run.add_argument("--only", type=_some_of(groups), help=f"of {','.join(groups)}")
    run.add_argument("--peers", type=_some_of(peers), help=f"of {','.join(peers)}")
    run.add_argument("--rounds", type=int, default=3)
    commands.add_parser("report", help="write docs/performance.md from docs/performance.json")
    return parser.parse_args(arguments)


def _some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        words = text.split(",")
        if unknown := [word for word in words if word not in known]:
            raise argparse.ArgumentTypeError(
                f"no {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return words

    return parse


def _stop_once(_signum: int, _frame: FrameType | None) -> None:
    # What was measured is kept; a second Ctrl-C while servers stop would leave some behind.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
