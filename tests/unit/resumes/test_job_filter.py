from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.job_filter import FilterError, JobFilter, JobState

JOB, USER = "0123456789abcdef01234567", "89abcdef0123456789abcdef"
SINCE = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)

ids = st.text("0123456789abcdef", min_size=24, max_size=24)
words = st.lists(
    st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() and not text.isspace()),
    max_size=3,
).map(lambda parts: " ".join(" ".join(parts).split()))
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
moments = st.none() | st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=zones,
)
filters = st.builds(
    JobFilter,
    state=st.none() | st.sampled_from(JobState),
    error_code=words,
    error_text=words,
    user_id=st.just("") | ids,
    since=moments,
    until=moments,
    min_attempts=st.none() | st.integers(1, 99_999),
    job_ids=st.frozensets(ids, max_size=5),
)


@given(filters)
def test_a_filter_survives_an_address(wanted: JobFilter) -> None:
    values = wanted.to_values()
    address = {name: texts[0] for name, texts in parse_qs(urlencode(values)).items()}
    assert address == values
    assert JobFilter.from_values(address) == wanted


@given(filters)
def test_only_given_conditions_are_written(wanted: JobFilter) -> None:
    assert set(wanted.to_values()) == {name for name, value in vars(wanted).items() if value}


@given(st.dictionaries(st.sampled_from([*vars(JobFilter()), "page"]), st.text()))
def test_whatever_a_person_writes_is_read_or_refused_by_name(values: dict[str, str]) -> None:
    try:
        wanted = JobFilter.from_values(values)
    except FilterError as error:
        name, _, advice = str(error).partition(": ")
        assert values[name].strip()
        assert advice
    else:
        assert JobFilter.from_values(wanted.to_values()) == wanted


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"state": "done"}, f"state: one of {', '.join(JobState)}"),
        ({"error_text": "x" * 201}, "error_text: at most 200 characters"),
        ({"error_code": "a\0b"}, "error_code: text without control characters"),
        ({"error_text": "\ud800"}, "error_text: text without control characters"),
        ({"user_id": "42"}, "user_id: 24 lower-case hexadecimal digits"),
        ({"job_ids": f"{JOB},x"}, "job_ids: 24 lower-case hexadecimal digits"),
        (
            {"job_ids": ",".join(f"{number:024x}" for number in range(1001))},
            "job_ids: at most 1000 jobs can be named one by one",
        ),
        ({"since": "yesterday"}, "since: a time, written as 2026-11-25T08:00, in UTC"),
        (
            {"until": "0001-01-01T00:00+14:00"},
            "until: a time, written as 2026-11-25T08:00, in UTC",
        ),
        ({"min_attempts": "-1"}, "min_attempts: a number"),
        ({"min_attempts": "²"}, "min_attempts: a number"),
        ({"min_attempts": "100000"}, "min_attempts: a number"),
    ],
)
def test_what_cannot_be_read_is_named(values: dict[str, str], refusal: str) -> None:
    with pytest.raises(FilterError) as refused:
        JobFilter.from_values(values)
    assert str(refused.value) == refusal


def test_times_without_a_zone_are_utc_and_others_are_converted() -> None:
    for text in ("2026-11-24T18:30", "2026-11-25T01:30+07:00", "2026-11-24 18:30:00Z"):
        assert JobFilter.from_values({"since": text}).since == SINCE


def test_space_around_and_within_does_not_matter_and_no_attempts_are_no_condition() -> None:
    given = {"error_text": "  no\u00a0 text ", "min_attempts": "0", "job_ids": " , ", "page": "2"}
    assert JobFilter.from_values(given) == JobFilter(error_text="no text")


@pytest.mark.parametrize(
    ("wanted", "in_words"),
    [
        (JobFilter(), "all jobs"),
        (JobFilter(state=JobState.FAILED), "all failed jobs"),
        (JobFilter(job_ids=frozenset({JOB})), "1 selected job"),
        (
            JobFilter(state=JobState.FAILED, job_ids=frozenset({JOB, USER})),
            "2 selected failed jobs",
        ),
        (
            JobFilter(
                JobState.FAILED,
                error_code="parser_unavailable",
                error_text="later",
                user_id=USER,
                since=SINCE,
                until=SINCE + timedelta(days=1),
                min_attempts=5,
            ),
            (
                "all failed jobs with the error parser_unavailable whose error says “later” "
                f"of the user {USER} uploaded since 2026-11-24 18:30 UTC "
                "uploaded before 2026-11-25 18:30 UTC after 5 or more attempts"
            ),
        ),
    ],
)
def test_a_filter_can_be_said(wanted: JobFilter, in_words: str) -> None:
    assert wanted.in_words() == in_words


@pytest.mark.parametrize("between", [",", ", ", " ", "\n", ",,"])
def test_jobs_are_named_as_a_person_pastes_them(between: str) -> None:
    wanted = JobFilter.from_values({"job_ids": f"{JOB}{between}{USER}"})
    assert wanted == JobFilter(job_ids=frozenset({JOB, USER}))


def test_conditions_are_replaced() -> None:
    wanted = JobFilter(state=JobState.FAILED, error_code="x")
    assert wanted.with_(error_code="") == JobFilter(state=JobState.FAILED)
