from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from resumes.job_filter import JobState
from resumes.statistics import NO_TIMES, Minute, Totals
from resumes.tally import MAX_CODES, OTHER_CODE, Change, fold

AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
PENDING, RETRYING, PROCESSING = JobState.PENDING, JobState.RETRYING, JobState.PROCESSING
COMPLETED, FAILED, DISCARDED = JobState.COMPLETED, JobState.FAILED, JobState.DISCARDED
CANCELLED = JobState.CANCELLED
FOLLOWS: dict[JobState | None, list[JobState]] = {
    None: [PENDING],
    PENDING: [PROCESSING, FAILED, CANCELLED],
    RETRYING: [PENDING, PROCESSING, FAILED, CANCELLED],
    PROCESSING: [PROCESSING, RETRYING, COMPLETED, FAILED],
    FAILED: [PENDING, DISCARDED],
    COMPLETED: [],
    DISCARDED: [],
    CANCELLED: [],
}


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Change], list[tuple[JobState, str]]]:
    """Transitions of some jobs, mixed, and what each job is at the end, with its last code."""
    jobs: list[tuple[JobState | None, str]] = [(None, "")] * draw(st.integers(1, 5))
    changes: list[Change] = []
    for number in draw(st.lists(st.integers(0, len(jobs) - 1), max_size=60)):
        was, code = jobs[number]
        if not FOLLOWS[was]:
            continue
        now = draw(st.sampled_from(FOLLOWS[was]))
        if now is FAILED:
            code = draw(st.sampled_from(["parser_down", "file_lost", "", "a.b", "$set"]))
        at = AT + timedelta(seconds=draw(st.integers(0, 300)))
        since = draw(st.none() | st.just(AT - timedelta(seconds=draw(st.integers(-1, 9000)))))
        changes.append(Change(at, was, now, code, since))
        jobs[number] = (now, code)
    return changes, [(state, code) for state, code in jobs if state is not None]


@given(lives())
def test_the_totals_are_what_a_count_of_the_jobs_gives(
    lived: tuple[list[Change], list[tuple[JobState, str]]],
) -> None:
    changes, jobs = lived
    totals, _ = fold(Totals(), changes, AT)
    states = Counter(state for state, _ in jobs)
    assert totals.pending == states[PENDING] + states[RETRYING]
    for state in set(JobState) - {PENDING}:
        assert getattr(totals, state) == states[state]
    known = {"parser_down", "file_lost"}
    codes = Counter(
        code if code in known else OTHER_CODE for state, code in jobs if state is FAILED
    )
    assert Counter(totals.failed_by_code) == codes
    assert totals.as_of == AT


@given(lives(), st.integers(1, 10))
def test_it_makes_no_difference_how_the_batches_are_cut(
    lived: tuple[list[Change], list[tuple[JobState, str]]], size: int
) -> None:
    changes, _ = lived
    whole, minutes = fold(Totals(), changes, AT)
    totals, parts = Totals(as_of=AT), list[Minute]()
    for start in range(0, len(changes), size):
        totals, more = fold(totals, changes[start : start + size], AT)
        parts += more
    assert totals == whole
    for name in ("created", "completed", "failed", "cancelled", "retried", "replayed"):
        for minute in minutes:
            same = [part for part in parts if part.at == minute.at]
            assert sum(getattr(part, name) for part in same) == getattr(minute, name)


@given(lives())
def test_the_minutes_hold_what_happened_in_them(
    lived: tuple[list[Change], list[tuple[JobState, str]]],
) -> None:
    changes, _ = lived
    _, minutes = fold(Totals(), changes, AT)
    steps = Counter((change.was, change.now) for change in changes)
    ends = [c for c in changes if c.now in (COMPLETED, FAILED)]
    assert [minute.at for minute in minutes] == sorted(
        {change.at.replace(second=0) for change in changes}
    )
    sums = {name: sum(getattr(m, name) for m in minutes) for name in ("created", "replayed")}
    assert sums == {"created": steps[None, PENDING], "replayed": steps[FAILED, PENDING]}
    assert sum(m.retried for m in minutes) == steps[PROCESSING, RETRYING]
    assert sum(m.completed + m.failed for m in minutes) == len(ends)
    assert sum(m.cancelled for m in minutes) == sum(c.now is CANCELLED for c in changes)
    assert sum(sum(m.failed_by_code.values()) for m in minutes) == sum(m.failed for m in minutes)
    assert sum(sum(m.times) for m in minutes) == sum(c.since is not None for c in ends)


def test_a_time_is_counted_in_the_class_that_it_does_not_exceed() -> None:
    _, [minute] = fold(
        Totals(), [Change(AT, PROCESSING, COMPLETED, since=AT - timedelta(seconds=2))], AT
    )
    assert minute.times == (*NO_TIMES[:4], 1, *NO_TIMES[5:])


def test_codes_are_bounded_and_stay_what_they_were_called() -> None:
    codes = [f"code_{number}" for number in range(MAX_CODES + 20)]
    failed = [Change(AT, PROCESSING, FAILED, code) for code in codes]
    before = Totals(processing=len(codes))
    totals, [minute] = fold(before, failed, AT)
    expected = {**dict.fromkeys(codes[:MAX_CODES], 1), OTHER_CODE: 20}
    assert totals.failed_by_code == minute.failed_by_code == expected
    replayed, _ = fold(totals, [Change(AT, FAILED, PENDING, code) for code in codes], AT)
    assert set(replayed.failed_by_code.values()) == {0}
    again, _ = fold(replayed, [Change(AT, PENDING, FAILED, code) for code in codes], AT)
    assert again.failed_by_code == expected


def test_workers_of_the_release_before_leave_nobody_retrying_for_good() -> None:
    waits = [Change(AT, PROCESSING, RETRYING), Change(AT, PENDING, PROCESSING)]
    totals, _ = fold(Totals(processing=1), waits, AT)
    assert (totals.pending, totals.retrying, totals.processing) == (0, 0, 1)
