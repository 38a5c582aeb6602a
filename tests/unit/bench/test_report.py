from typing import Any

from bench.report import render, replace_tables

OUTCOME: dict[str, Any] = {
    "command": "python -m bench run",
    "rounds": 2,
    "facts": {
        name: name for name in ("date", "commit", "cpu", "cores", "memory", "system", "load")
    },
    "load_after": "0.10",
    "servers": {"Kafka": "4.3.1", "Redis": ""},
    "packages": {"ours": "dramatiq 2.2.1"},
    "results": {
        "drain-1": {
            "ours": [{"tasks_per_s": 200.0}, {"tasks_per_s": 300.0}],
            "celery-redis": ["no redis-server: apt-get install redis-server"],
        },
    },
}
PAGE = """\
above
<!-- bench: `python -m bench report` writes what follows -->
old
<!-- bench: the end of it -->
below
"""


def test_a_cell_is_the_median_and_the_range() -> None:
    assert "| ours | 250 (200 to 300) |" in render(OUTCOME)


def test_a_peer_that_failed_keeps_its_row_and_its_reason() -> None:
    text = render(OUTCOME)
    assert "| celery-redis | failed |" in text
    assert "- drain-1, celery-redis: no redis-server: apt-get install redis-server" in text


def test_the_targets_come_last() -> None:
    assert render(OUTCOME).rpartition("### ")[2].startswith("Targets")


def test_versions_that_nobody_knows_are_left_out() -> None:
    assert "- servers: Kafka 4.3.1\n" in render(OUTCOME)


def test_only_what_stands_between_the_marks_changes() -> None:
    page = replace_tables(PAGE, "new")
    assert page.startswith("above\n<!--")
    assert page.endswith("-->\nbelow\n")
    assert "new" in page
    assert "old" not in page
    assert replace_tables(page, "new") == page
