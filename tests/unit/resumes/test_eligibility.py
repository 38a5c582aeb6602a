"""What an operator may do to a job, and how often: the rules alone."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.eligibility import JobFacts, narrowed, refusal_after, refusal_of
from resumes.job import JobStatus
from resumes.job_filter import FilterError, JobFilter, JobState
from resumes.operating import OperationKind, Refusal
from resumes.pace import Pace

REPLAY, RETRY_NOW, DISCARD = OperationKind.REPLAY, OperationKind.RETRY_NOW, OperationKind.DISCARD
GOOD = JobFacts(
    user_id="u",
    status=JobStatus.FAILED,
    is_discarded=False,
    is_cancelled=False,
    is_waiting=False,
    has_file=True,
    user_exists=True,
    has_resume=False,
    has_job_in_flight=False,
)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"status": JobStatus.PENDING}, Refusal.CHANGED),
        ({"status": JobStatus.PROCESSING}, Refusal.CHANGED),
        ({"status": JobStatus.COMPLETED}, Refusal.CHANGED),
        ({"is_discarded": True}, Refusal.DISCARDED),
        ({"is_cancelled": True, "has_file": False}, Refusal.CANCELLED),
        ({"has_file": False}, Refusal.FILE_GONE),
        ({"user_exists": False}, Refusal.USER_UNKNOWN),
        ({"has_resume": True}, Refusal.HAS_RESUME),
        ({"has_job_in_flight": True}, Refusal.IN_FLIGHT),
    ],
)
def test_a_replay_is_refused_for_each_reason(changes: dict[str, object], refusal: Refusal) -> None:
    assert refusal_of(REPLAY, replace(GOOD, **changes)) is refusal  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, Refusal.NEWER_UPLOAD),
        ({"has_job_in_flight": True}, Refusal.NEWER_UPLOAD),
        ({"has_resume": True}, Refusal.NEWER_UPLOAD),
        ({"has_file": False}, Refusal.FILE_GONE),
        ({"is_discarded": True}, Refusal.DISCARDED),
    ],
)
def test_after_a_users_newer_upload_the_older_ones_are_refused_for_it(
    changes: dict[str, object], refusal: Refusal
) -> None:
    facts = replace(GOOD, **changes)  # type: ignore[arg-type]
    assert refusal_after(REPLAY, facts, {"u"}) is refusal
    assert refusal_after(REPLAY, facts, {"v"}) is refusal_of(REPLAY, facts)
    assert refusal_after(DISCARD, facts, {"u"}) is refusal_of(DISCARD, facts)


def test_a_discard_needs_nothing_but_a_failed_job() -> None:
    bare = replace(GOOD, has_file=False, user_exists=False, has_resume=True)
    assert refusal_of(DISCARD, bare) is None
    assert refusal_of(DISCARD, replace(bare, is_discarded=True)) is Refusal.DISCARDED
    assert refusal_of(DISCARD, replace(bare, is_cancelled=True)) is Refusal.CANCELLED


def test_only_a_waiting_job_is_tried_now() -> None:
    pending = replace(GOOD, status=JobStatus.PENDING)
    assert refusal_of(RETRY_NOW, pending) is Refusal.CHANGED
    assert refusal_of(RETRY_NOW, replace(pending, is_waiting=True)) is None


@pytest.mark.parametrize("kind", OperationKind)
def test_an_unknown_job_is_refused(kind: OperationKind) -> None:
    assert refusal_of(kind, None) is Refusal.UNKNOWN_JOB


def test_a_filter_takes_the_state_that_the_action_needs() -> None:
    by_code = JobFilter(error_code="x")
    assert narrowed(REPLAY, by_code).state is JobState.FAILED
    assert narrowed(RETRY_NOW, by_code).state is JobState.RETRYING
    named = JobFilter(job_ids=frozenset({"a" * 24}))
    assert narrowed(DISCARD, named) == named
    with pytest.raises(FilterError, match="failed"):
        narrowed(REPLAY, JobFilter(state=JobState.DISCARDED))
    with pytest.raises(FilterError, match="cancelled"):
        narrowed(DISCARD, JobFilter(state=JobState.CANCELLED))


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_a_pace_is_never_exceeded_whatever_takes_how_long(
    per_second: float, durations: list[float]
) -> None:
    now = 100.0
    pace = Pace(per_second, lambda: now)
    turns = []
    for took in durations:
        now += pace.wait_s()
        turns.append(now)
        pace.take()
        now += took
    gaps = [after - before for before, after in pairwise(turns)]
    assert all(gap >= 1 / per_second - 1e-6 for gap in gaps)


def test_a_pace_is_kept_where_turns_take_no_time() -> None:
    now = 0.0
    pace = Pace(50, lambda: now)
    for _ in range(500):
        now += pace.wait_s()
        pace.take()
    assert now == pytest.approx(499 / 50)
