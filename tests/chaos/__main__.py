"""`python -m tests.chaos`: the fault matrix on the real processes; exits with 1 if anything broke.

A run of the whole matrix writes docs/reliability.json and the table of docs/reliability.md, as
`report` does from what the last one wrote. What a broken scenario saw is left in .data/chaos.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from bench import machine
from devstack.process import ROOT
from tests.chaos import report
from tests.chaos.breaks import BREAKS, Break
from tests.chaos.environment import Environment
from tests.chaos.faults import clocks, disk
from tests.chaos.matrix import SCENARIOS, SHORT
from tests.chaos.scenario import SEEN_FOLDER, Result, Scenario, run
from tests.chaos.site import Size

_OUTCOME = ROOT / "docs/reliability.json"
_PAGE = ROOT / "docs/reliability.md"
_JOBS, _SHORT_JOBS = 1_300, 300
#: No scenario needs half of it.
_HUNG_AFTER_S = 900


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    options = _parse(arguments)
    if options.command == "report":
        report.write_page(_PAGE, json.loads(_OUTCOME.read_text()))
        return 0
    if options.command == "list":
        print("\n".join(f"{s.row:4} {s.name}" for s in _chosen(options)))
        return 0
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _stop)
    with _environment() as environment:
        if options.breaks:
            return _break(environment, options)
        return _run_all(environment, options)


def _run_all(environment: Environment, options: argparse.Namespace) -> int:
    began = time.monotonic()
    shutil.rmtree(SEEN_FOLDER, ignore_errors=True)
    facts, left_out = machine.describe(), _left_out()
    rows = [
        _run(scenario, environment, options, seed=options.seed + SCENARIOS.index(scenario))
        for scenario in _chosen(options)
        if scenario.name not in left_out
    ]
    outcome = {
        "command": shlex.join(["python", "-m", "tests.chaos", *sys.argv[1:]]),
        "facts": facts,
        "seed": options.seed,
        "minutes": (time.monotonic() - began) / 60,
        "left_out": [f"{name} ({why})" for name, why in left_out.items()],
        "rows": rows,
        "teeth": _earlier().get("teeth", []),
    }
    if options.again:
        outcome = report.mended(_earlier(), rows, facts["commit"])
    print(f"\n{report.render(outcome)}")
    if options.again or not (options.short or options.only):
        _save(outcome)
    return int(any(report.is_broken(row) for row in rows))


def _break(environment: Environment, options: argparse.Namespace) -> int:
    """Run the scenario of each break; every one is to fail, and so do we."""
    chosen = BREAKS if options.breaks == "all" else [BREAKS_BY_NAME[options.breaks]]
    earlier = {found["break"]: found for found in _earlier().get("teeth", [])}
    if options.again:
        chosen = [one for one in chosen if not _is_caught(one, earlier.get(one.name, {}))]
    teeth = earlier if options.again else {}
    for one in chosen:
        found = _run(one.broken(), environment, options, seed=options.seed)
        teeth[one.name] = {"break": one.name, "expected": one.expected, **found}
        said = "caught" if _is_caught(one, found) else f"NOT CAUGHT: {found.get('broken')}"
        print(f"       {one.name}: {said}", flush=True)
    if options.breaks == "all" and (outcome := _earlier()):
        _save({**outcome, "teeth": list(teeth.values())})
    return int(any(report.is_broken(found) for found in teeth.values()))


def _is_caught(one: Break, found: dict[str, Any]) -> bool:
    broken = {breach.partition(":")[0] for breach in found.get("broken", [])}
    return bool(broken & set(one.expected))


def _run(
    scenario: Scenario, environment: Environment, options: argparse.Namespace, *, seed: int
) -> dict[str, Any]:
    size = Size(options.jobs, options.seconds)
    within_s = min(options.within, scenario.rules.within_s)
    scenario = replace(scenario, rules=replace(scenario.rules, within_s=within_s))
    # Nothing here may wait for ever; what does all the same says where.
    faulthandler.dump_traceback_later(_HUNG_AFTER_S, exit=True)
    result: Result = run(scenario, environment, size, seed=seed)
    faulthandler.cancel_dump_traceback_later()
    print(report.line(result), flush=True)
    return report.row(result)


def _chosen(options: argparse.Namespace) -> Sequence[Scenario]:
    if options.again:
        broken = {row["name"] for row in _earlier().get("rows", []) if report.is_broken(row)}
        return [scenario for scenario in SCENARIOS if scenario.name in broken]
    if options.only:
        words = options.only.split(",")
        return [s for s in SCENARIOS if s.row in words or any(s.name.startswith(w) for w in words)]
    return SHORT if options.short else SCENARIOS


def _left_out() -> dict[str, str]:
    """Return the scenarios that this machine can't carry out, and why."""
    missing: dict[str, str] = {}
    if not clocks.can_be_carried_out():
        missing |= {s.name: "no C compiler: apt-get install gcc" for s in clocks.SCENARIOS}
    if os.geteuid():
        missing |= {s.name: "only root can mount a small disk" for s in disk.SCENARIOS}
    return missing


def _earlier() -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(_OUTCOME.read_text()) if _OUTCOME.exists() else {}
    return outcome


def _save(outcome: dict[str, Any]) -> None:
    report.save(_OUTCOME, outcome)
    report.write_page(_PAGE, outcome)


@contextlib.contextmanager
def _environment() -> Iterator[Environment]:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        environment = Environment(Path(folder))
        try:
            yield environment
        finally:
            environment.close()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "list", "report"], default="run")
    parser.add_argument("--short", action="store_true", help="the few of `make test`, small")
    parser.add_argument("--only", help="rows of the matrix or beginnings of names, with commas")
    parser.add_argument(
        "--again",
        action="store_true",
        help="those that the last whole run left broken; the page says which, and what was",
    )
    parser.add_argument("--jobs", type=int, help=f"uploads of a scenario, {_JOBS} by default")
    parser.add_argument("--seconds", type=float, default=20, help="over which they are spread")
    parser.add_argument("--within", type=float, default=120, help="seconds for all to end")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--break",
        dest="breaks",
        choices=[*BREAKS_BY_NAME, "all"],
        help="switch a safety off: the checker must find it",
    )
    options = parser.parse_args(arguments)
    options.jobs = options.jobs or (_SHORT_JOBS if options.short else _JOBS)
    return options


def _stop(_signum: int, _frame: FrameType | None) -> None:
    # A second one while servers stop would leave some behind.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt


BREAKS_BY_NAME = {one.name: one for one in BREAKS}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
