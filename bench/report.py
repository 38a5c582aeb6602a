"""Markdown from the outcome of one run, and its place in docs/performance.md.

An outcome is what the run wrote as JSON: `facts`, `servers`, `packages` (see `machine`), `command`
and `results`. The page is the author's but for the lines between the two marks.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.samples import Results, failures, shown, spread
from bench.targets import verdicts

Outcome = dict[str, Any]

_BEGIN = "<!-- bench: `python -m bench report` writes what follows -->"
_END = "<!-- bench: the end of it -->"
_NONE = "-"

#: Column, part and number of each peer's row.
_SPEED = (
    ("bulk enqueue /s", "enqueue", "bulk_per_s"),
    ("one `send`, p50 ms", "enqueue", "single_p50_ms"),
    ("drain 1 x 8 /s", "drain-1", "tasks_per_s"),
    ("drain 2 x 8 /s", "drain-2", "tasks_per_s"),
    ("2 x 8: repeated", "drain-2", "repeated"),
    ("idle p50 ms", "latency", "p50_ms"),
    ("p95", "latency", "p95_ms"),
    ("p99", "latency", "p99_ms"),
    ("20 ms tasks, s (ideal 5.00)", "busy", "seconds"),
)
_COST = (
    ("idle, RSS MiB", "latency", "idle_rss_mib"),
    ("idle, PSS", "latency", "idle_pss_mib"),
    ("draining, RSS", "drain-1", "rss_mib"),
    ("draining, PSS", "drain-1", "pss_mib"),
    ("processes", "drain-1", "processes"),
    ("2 x 8: draining, RSS", "drain-2", "rss_mib"),
)
_CRASH = (
    ("running at the kill", "crash", "running_at_kill"),
    ("lost", "crash", "lost"),
    ("started twice", "crash", "started_twice"),
    ("ended twice", "crash", "ended_twice"),
    ("restart to next task, s", "crash", "resumed_after_s"),
)
_GROWTH = (
    ("tasks /s", "tasks_per_s"),
    ("RSS MiB", "rss_mib"),
    ("PSS MiB", "pss_mib"),
)
#: Row, part and what its numbers' names begin with.
_GROWTH_ROWS = (
    ("backlog of 10,000, 1 x 8", "growth-backlog", "short_"),
    ("backlog of 1,000,000, 1 x 8", "growth-backlog", "long_"),
    ("1 partition, 1 process", "growth-1x1", ""),
    ("4 partitions, 1 process", "growth-4x1", ""),
    ("4 partitions, 4 processes", "growth-4x4", ""),
)


def render(outcome: Outcome) -> str:
    """Return all tables of one run."""
    results: Results = outcome["results"]
    parts = [
        _origin(outcome),
        _peers_table("Speed", results, _SPEED),
        _peers_table("Memory of the worker's processes", results, _COST),
        _peers_table("`kill -9` of the whole worker", results, _CRASH),
        _growth_table(results),
        _failures(results),
        _targets_table(results),
    ]
    return "\n\n".join(filter(None, parts))


def replace_tables(page: str, tables: str) -> str:
    """Return `page` with `tables` between its marks."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{tables}\n\n{_END}{after}"


def write_page(page: Path, outcome_path: Path) -> None:
    """Bring the page up to date with the outcome."""
    outcome = json.loads(outcome_path.read_text())
    page.write_text(replace_tables(page.read_text(), render(outcome)))


def _origin(outcome: Outcome) -> str:
    facts = outcome["facts"]
    machine = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory']}; {facts['system']}; "
        f"load {facts['load']} before, {outcome['load_after']} after"
    )
    versions = {**outcome["packages"], "servers": ", ".join(_pairs(outcome["servers"]))}
    title = f"`{outcome['command']}`, {facts['date']}, commit {facts['commit']}"
    rounds = f"{outcome['rounds']} rounds: median (least to most)"
    points = [machine, *(f"{name}: {told}" for name, told in versions.items())]
    return "\n".join([f"{title}. {rounds}.", "", *(f"- {point}" for point in points)])


def _pairs(facts: Mapping[str, str]) -> list[str]:
    return [f"{name} {fact}" for name, fact in facts.items() if fact]


def _peers_table(title: str, results: Results, columns: Sequence[tuple[str, str, str]]) -> str:
    measured = [column for column in columns if results.get(column[1])]
    if not measured:
        return ""
    peers = dict.fromkeys(peer for _, part, _ in measured for peer in results[part])
    rows = [
        [peer, *(_cell(results, part, peer, name) for _, part, name in measured)] for peer in peers
    ]
    return _table(title, ["", *(column[0] for column in measured)], rows)


def _growth_table(results: Results) -> str:
    rows = [
        [label, *(_cell(results, part, "ours", prefix + name) for _, name in _GROWTH)]
        for label, part, prefix in _GROWTH_ROWS
        if results.get(part)
    ]
    return _table("Growth, ours", ["", *(title for title, _ in _GROWTH)], rows) if rows else ""


def _targets_table(results: Results) -> str:
    words = {True: "yes", False: "**no**", None: _NONE}
    rows = [[v.what, v.target, v.measured, words[v.is_met]] for v in verdicts(results)]
    return _table(
        "Targets, ours by the medians of this run", ["", "target", "measured", "met"], rows
    )


def _failures(results: Results) -> str:
    failed = failures(results)
    return "\n".join(["Not measured:", "", *(f"- {reason}" for reason in failed)]) if failed else ""


def _cell(results: Results, part: str, peer: str, name: str) -> str:
    found = spread(results, part, peer, name)
    if found:
        middle, least, most = map(shown, (found.median, found.least, found.most))
        return middle if least == most else f"{middle} ({least} to {most})"
    return "failed" if results.get(part, {}).get(peer) else _NONE


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])
