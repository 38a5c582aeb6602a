"""What the pages show of numbers, times, bytes and people."""
# ruff: noqa: RUF001 - a dash is what stands for nothing

from datetime import timedelta
from typing import Any

import pytest

from resumes.job_filter import JobFilter, JobState
from resumes.statistics import NO_TIMES, Minute, Totals
from tests.unit.webapp.dashboard.in_memory import CV_DATA, NOW
from webapp.dashboard import plots
from webapp.dashboard.formats import age, duration, hex_view, number, size
from webapp.dashboard.jobs import known_count
from webapp.dashboard.masking import masked
from webapp.dashboard.overview import rates


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1_000_000, "1,000,000"), (None, "–"), (4.25, "4.2"), (41.6, "42"), (3.0, "3")],
)
def test_a_number_is_written_with_its_thousands_apart(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (-3, "0 s"),
        (0.25, "250 ms"),
        (4.21, "4.2 s"),
        (42.4, "42 s"),
        (60, "1 min"),
        (95, "1 min 35 s"),
        (7260, "2 h 1 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_time_span_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_an_age_has_its_largest_unit_alone() -> None:
    assert [age(n) for n in (-1, 42.4, 60, 95, 7260, 180_000)] == [
        "0 s",
        "42 s",
        "1 min",
        "1 min",
        "2 h",
        "2 d",
    ]


def test_a_size_has_the_unit_that_suits_it() -> None:
    assert [size(n) for n in (0, 900, 35_000, 10 * 1024 * 1024)] == [
        "0 B",
        "900 B",
        "34 KB",
        "10.0 MB",
    ]


def test_bytes_are_shown_in_hex_and_as_text() -> None:
    assert hex_view(b"not JSON\x00\xff\n") == (
        "00000000  6e 6f 74 20 4a 53 4f 4e 00 ff 0a                 not JSON..."
    )
    assert hex_view(None) == ""


def test_a_masked_resume_leads_to_nobody() -> None:
    text = str(masked(CV_DATA))

    assert "Văn" not in text
    assert "nguyen.van.an" not in text
    assert "912 345" not in text
    assert "Kafka" in text
    assert "2020-2024" in text
    assert CV_DATA["name"] == "Nguyễn Văn An"


@pytest.mark.parametrize("name", [None, 7, "", "A", "C++ (.*"])
def test_masking_takes_whatever_a_parser_calls_a_name(name: object) -> None:
    cv_data = {"name": name, "skills": ["A", "B"]}

    assert masked(cv_data)["skills"] == ["A", "B"]


@pytest.mark.parametrize(
    "odd",
    [
        {"name": ["Nguyễn", "Văn An"]},
        {"name": {"first": "Văn An", "last": "Nguyễn"}},
        {"phone": 84912345678},
        {"phone": "0912"},
        {"email": "van at example dot com"},
        {"email": ["van", "example.com"]},
        {"name": "Văn An", "skills": [{"Văn An": 1}]},
        {"summary": {"Call": [84912345678]}},
    ],
)
def test_masking_does_not_depend_on_the_types_that_a_parser_keeps_to(odd: dict[str, Any]) -> None:
    text = str(masked(odd))

    assert not any(part in text for part in ("Văn", "0912", "8491", "van", "example"))
    assert "•••" in text


def minute(ago: int, **changes: object) -> Minute:
    return Minute(NOW - timedelta(minutes=ago), **changes)  # type: ignore[arg-type]


def test_the_present_minute_does_not_pull_the_rates_down() -> None:
    minutes = [minute(ago, created=10, completed=4, failed=1) for ago in range(59, 0, -1)]

    found = rates([*minutes, minute(0)])

    assert found.in_per_minute == 10
    assert found.out_per_minute == 5
    assert found.p50_s is None


def test_a_row_is_the_mean_of_its_minutes_and_the_times_of_all() -> None:
    times = (0, 0, 0, 4, *NO_TIMES[4:])
    minutes = [minute(3, created=4), minute(2), minute(1, times=times), minute(0)]

    table = plots.table(minutes, minutes_per_row=2)

    assert [row.created for row in table.rows] == [2, 0]
    assert [row.p50_s for row in table.rows] == [None, 0.75]


def test_rare_reasons_share_a_column() -> None:
    codes = {f"code_{n}": 10 - n for n in range(7)}

    table = plots.table([minute(0, failed_by_code=codes)], minutes_per_row=1)

    assert table.codes == ["code_0", "code_1", "code_2", "code_3", "code_4", "others"]
    assert table.rows[0].failed_by_code == (10, 9, 8, 7, 6, 9)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (JobFilter(), 50),
        (JobFilter(state=JobState.PENDING), 3),
        (JobFilter(state=JobState.RETRYING), 2),
        (JobFilter(state=JobState.FAILED), 11),
        (JobFilter(state=JobState.CANCELLED), 4),
        (JobFilter(state=JobState.FAILED, error_code="a"), 9),
        (JobFilter(state=JobState.FAILED, error_code="c"), 0),
        (JobFilter(error_code="a"), None),
        (JobFilter(state=JobState.FAILED, user_id="0" * 24), None),
    ],
)
def test_a_count_is_given_only_where_it_is_kept(wanted: JobFilter, count: int | None) -> None:
    totals = Totals(
        pending=5,
        retrying=2,
        completed=30,
        failed=11,
        cancelled=4,
        failed_by_code={"a": 9, "b": 2},
    )

    assert known_count(wanted, totals) == count
