"""One line for each scenario, a table of all, and its place in docs/reliability.md.

The page is the author's but for the lines between the two marks. What a whole run found is kept in
docs/reliability.json, from which the page can be made anew.
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.scenario import Result

Row = Mapping[str, Any]

_BEGIN = "<!-- chaos: `python -m tests.chaos report` writes what follows -->"
_END = "<!-- chaos: the end of it -->"
_COLUMNS = (
    ("accepted", "accepted"),
    ("completed", "completed"),
    ("failed", "failed"),
    ("lost", "lost"),
    ("duplicated", "doubled"),
    ("letters_missing", "letters missing"),
    ("letters_doubled", "letters doubled"),
    ("stale", "stale sockets"),
    ("worst_s", "worst s"),
    ("repeated_calls", "parsed again"),
)
_SUMS = [name for name, _ in _COLUMNS if name != "worst_s"]
_SHOWN_BREACHES = 3
_EXCEPTION = re.compile(r"[\w.]+(Error|Exception|Expired)\b")


def line(result: Result) -> str:
    """Return what one scenario came to, in one line."""
    head = f"{'ok    ' if result.is_good else 'BROKEN'} {result.scenario.name:34}"
    numbers = _numbers(row(result)) if result.verdict else ""
    breaches = result.verdict.broken if result.verdict else []
    more = f" (+{len(breaches) - _SHOWN_BREACHES})" if len(breaches) > _SHOWN_BREACHES else ""
    wrong = "; ".join([*breaches[:_SHOWN_BREACHES], *filter(None, [_error(result)])])
    return f"{head} {result.seconds:4.0f} s  {numbers}  {wrong or '; '.join(result.proofs)}{more}"


def row(result: Result) -> dict[str, Any]:
    """Return the result as it is kept."""
    verdict = dataclasses.asdict(result.verdict) if result.verdict else {}
    if verdict:
        verdict["broken"] = _some_of_each(verdict["broken"])
    return {
        "name": result.scenario.name,
        "row": result.scenario.row,
        "seconds": round(result.seconds, 1),
        "proofs": list(result.proofs),
        "error": _error(result),
        **verdict,
    }


def _some_of_each(breaches: Iterable[str]) -> list[str]:
    """Return the first few breaches of each invariant: a broken one breaks for every job."""
    seen: Counter[str] = Counter()
    kept = []
    for breach in breaches:
        invariant = breach.partition(":")[0]
        seen[invariant] += 1
        if seen[invariant] <= _SHOWN_BREACHES:
            kept.append(breach)
    return kept


def _error(result: Result) -> str:
    """Return the error's own line: notes, such as logs, may follow it."""
    lines = result.error.strip().splitlines()
    named = [line for line in lines if _EXCEPTION.match(line)]
    return next(reversed(named or lines), "")


def summary(rows: Sequence[Row]) -> str:
    """Return what all scenarios came to together."""
    sums = {name: sum(row.get(name, 0) for row in rows) for name in _SUMS}
    broken = [row["name"] for row in rows if is_broken(row)]
    told = ", ".join(f"{title} {sums[name]:,}" for name, title in _COLUMNS if name in sums)
    worst_s = max((row.get("worst_s", 0) for row in rows), default=0)
    verdict = f"broken: {', '.join(broken)}" if broken else "no invariant broken"
    return f"{len(rows)} scenarios: {told}, worst {worst_s:.1f} s; {verdict}"


def is_broken(row: Row) -> bool:
    """Tell whether a kept result is not good."""
    return bool(row["error"] or row.get("broken", True))


def mended(outcome: Mapping[str, Any], rows: Sequence[Row], commit: str) -> dict[str, Any]:
    """Return the outcome with these rows in place of those that were broken, and what they were."""
    before = {row["name"]: row for row in outcome["rows"]}
    again = [
        *outcome.get("again", []),
        *({"name": r["name"], "commit": commit, "was": why(before[r["name"]])} for r in rows),
    ]
    now = before | {row["name"]: row for row in rows}
    return {**outcome, "rows": list(now.values()), "again": again}


def why(row: Row) -> str:
    """Return what was wrong with a broken scenario."""
    return "; ".join([*row.get("broken", [])[:1], *filter(None, [row["error"]])])


def write_page(page: Path, outcome: Mapping[str, Any]) -> None:
    """Bring the page up to date with what a run found."""
    before, _, rest = page.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n\n{render(outcome)}\n\n{_END}{after}")


def save(path: Path, outcome: Mapping[str, Any]) -> None:
    """Keep what a run found."""
    path.write_text(json.dumps(outcome, indent=1) + "\n")


def render(outcome: Mapping[str, Any]) -> str:
    """Return the tables of a run."""
    rows: Sequence[Row] = outcome["rows"]
    facts = outcome["facts"]
    head = ["scenario", "fault", *(title for _, title in _COLUMNS), "what showed that it bit"]
    origin = (
        f"`{outcome['command']}`, {facts['date']}, commit {facts['commit']}; {facts['cpu']},"
        f" {facts['cores']} cores, {facts['memory']}; seed {outcome['seed']},"
        f" {outcome['minutes']:.0f} minutes."
    )
    parts = [origin, *_notes(outcome), f"{summary(rows)}.", _table(head, map(_cells, rows))]
    if teeth := outcome.get("teeth"):
        parts.append(_teeth(teeth))
    return "\n\n".join(parts)


def _notes(outcome: Mapping[str, Any]) -> list[str]:
    notes = [f"Left out: {note}." for note in outcome.get("left_out", [])]
    again = [
        f"- `{one['name']}` at commit {one['commit']}; before: {one['was']}"
        for one in outcome.get("again", [])
    ]
    if again:
        told = "\n".join(again)
        notes.append(f"Run again by `--again`, once what broke them was mended:\n\n{told}")
    return notes


def _teeth(teeth: Sequence[Row]) -> str:
    cells = [[one["break"], one["name"], _found(one)] for one in teeth]
    return "\n".join(
        ["### With a safety switched off", "", _table(["off", "scenario", "found"], cells)]
    )


def _found(one: Row) -> str:
    breaches = sorted(
        one.get("broken", []), key=lambda b: b.partition(":")[0] not in one["expected"]
    )
    return breaches[0] if breaches else f"**{one['error']}**"


def _cells(row: Row) -> list[str]:
    numbers = [_number(row.get(name)) for name, _ in _COLUMNS]
    told = "; ".join(row["proofs"])
    if is_broken(row):
        told = f"**{why(row)}**"
    return [row["name"], row["row"], *numbers, told.replace("|", "/")]


def _numbers(row: Row) -> str:
    return "  ".join(f"{title} {_number(row.get(name))}" for name, title in _COLUMNS)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
