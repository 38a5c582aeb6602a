"""Print results: tables for people, JSON for programs.

What comes from records may hold anything, so nothing that moves a terminal's cursor gets through.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

_MAX_CELL_CHARS = 60


def print_json(value: object) -> None:
    """Print one JSON document."""
    print_line(json.dumps(value, default=_plain, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns as wide as they need to be; only the last one may be long."""
    lines = [list(columns), *([_cell(value) for value in row] for row in rows)]
    for line in lines:
        line[:-1] = [_cut(cell) for cell in line[:-1]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print_line("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)))


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and what they stand for; the lines of a long text below each other."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        lines = str(value).rstrip("\n").split("\n") if value is not None else ["-"]
        for label, line in zip_longest([printable(name)], lines, fillvalue=""):
            print_line(f"{label:{width}}  {printable(line)}")


def print_line(text: str) -> None:
    """Print a line that is safe to print."""
    sys.stdout.write(f"{text.rstrip()}\n")


def print_error(text: str) -> None:
    """Print one line for whoever looks at what went wrong."""
    sys.stderr.write(f"{printable(' '.join(text.split()))}\n")


def printable(text: str) -> str:
    """Write what a terminal would obey, or not show, as Python does."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short_time(when: datetime) -> str:
    """Write a time to the second, in UTC."""
    return when.strftime("%Y-%m-%d %H:%M:%SZ")


def short_duration(seconds: float) -> str:
    """Write a duration in its two largest units."""
    whole = int(timedelta(seconds=seconds).total_seconds())
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("m", whole // 60 % 60))
    parts = [f"{count}{unit}" for unit, count in (*units, ("s", whole % 60)) if count]
    return " ".join(parts[:2]) or "0s"


def _cell(value: object) -> str:
    return "-" if value is None else printable(str(value))


def _cut(cell: str) -> str:
    return cell if len(cell) <= _MAX_CELL_CHARS else f"{cell[: _MAX_CELL_CHARS - 3]}..."


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
