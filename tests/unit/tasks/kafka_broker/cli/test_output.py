"""Tables for people, JSON for programs, and nothing that plays with a terminal."""

import json

import pytest

from tasks.kafka_broker.backlog import PartitionBacklog
from tasks.kafka_broker.cli.output import (
    print_error,
    print_facts,
    print_json,
    print_table,
    printable,
    short_duration,
)

Output = pytest.CaptureFixture[str]


def test_a_table_is_as_wide_as_it_needs_and_its_last_column_may_be_long(capsys: Output) -> None:
    print_table(("A", "LONG", "LAST"), [(1, "x" * 70, "y" * 70), (None, "z", "end")])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["A", "LONG", "LAST"]
    assert first == f"1  {'x' * 57}...  {'y' * 70}"
    assert second.split() == ["-", "z", "end"]
    assert head.index("LAST") == first.index("y")


def test_a_table_of_nothing_is_its_head(capsys: Output) -> None:
    print_table(("A", "B"), [])
    assert capsys.readouterr().out == "A  B\n"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[2J\x1b]0;x\x07", "\\x1b[2J\\x1b]0;x\\x07"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("grün 日本", "grün 日本"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, safe: str) -> None:
    """Whoever can write to a queue must not write to an operator's terminal."""
    assert printable(text) == safe


def test_the_lines_of_a_fact_stand_below_each_other(capsys: Output) -> None:
    print_facts({"stack": "one\ntwo\n", "empty": ""})
    assert capsys.readouterr().out == "stack  one\n       two\nempty\n"


def test_no_cell_and_no_fact_reaches_the_terminal_raw(capsys: Output) -> None:
    print_table(("A",), [("\x1b[31m",)])
    print_facts({"\x1b[31m": "\x1b[31m", "none": None})
    print_error("bad:\n\x1b[31m\nworse")
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert captured.err == "bad: \\x1b[31m worse\n"


def test_json_holds_what_the_library_returns(capsys: Output) -> None:
    print_json([PartitionBacklog("normal", "t", 0, 1, 5, None, 0)])
    (partition,) = json.loads(capsys.readouterr().out)
    assert (partition["topic"], partition["committed"]) == ("t", None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.4, "0s"), (61, "1m 1s"), (3600, "1h"), (90061, "1d 1h"), (2592000, "30d")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text
