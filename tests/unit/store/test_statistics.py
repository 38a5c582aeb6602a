from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resumes.job_filter import JobState
from resumes.tally import Change
from store.statistics import change_of

AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
MADE_AT = AT - timedelta(seconds=7)
PENDING, RETRYING, PROCESSING = JobState.PENDING, JobState.RETRYING, JobState.PROCESSING
COMPLETED, FAILED, DISCARDED = JobState.COMPLETED, JobState.FAILED, JobState.DISCARDED


@pytest.mark.parametrize(
    ("was", "now", "event"),
    [
        (None, PENDING, {"from": None, "to": "pending"}),
        (PENDING, PROCESSING, {"from": "pending", "to": "processing"}),
        (RETRYING, PROCESSING, {"from": "pending", "to": "processing", "was_retrying": True}),
        (PROCESSING, PROCESSING, {"from": "processing", "to": "processing"}),
        (PROCESSING, COMPLETED, {"from": "processing", "to": "completed"}),
        (PROCESSING, RETRYING, {"from": "processing", "to": "pending", "retry_at": AT}),
        (RETRYING, PENDING, {"from": "pending", "to": "pending", "was_retrying": True}),
        (PENDING, JobState.CANCELLED, {"from": "pending", "to": "failed", "reason": "cancelled"}),
        (FAILED, PENDING, {"from": "failed", "to": "pending", "reason": "replayed"}),
        (FAILED, DISCARDED, {"from": "failed", "to": "failed", "reason": "discarded"}),
    ],
)
def test_what_an_event_means(was: JobState | None, now: JobState, event: dict[str, Any]) -> None:
    change = change_of({**event, "at": AT, "job_created_at": MADE_AT})
    assert change is not None
    assert (change.was, change.now, change.at, change.since) == (was, now, AT, MADE_AT)


def test_the_code_is_the_failures_that_is_entered_or_left() -> None:
    failed = {"from": "processing", "to": "failed", "reason": "file_lost", "at": AT}
    assert change_of(failed) == Change(AT, PROCESSING, FAILED, "file_lost")
    replayed = {"from": "failed", "to": "pending", "reason": "replayed", "was_code": "file_lost"}
    assert change_of({**replayed, "at": AT}) == Change(AT, FAILED, PENDING, "file_lost")


@pytest.mark.parametrize("to", ["pending", "failed"])
def test_an_event_of_the_release_before_is_understood(to: str) -> None:
    old = {"from": "processing", "to": to, "reason": "parser_unavailable", "at": AT, "rev": 3}
    assert change_of(old) == Change(AT, PROCESSING, JobState(to), "parser_unavailable")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"from": "asleep", "to": "pending", "at": AT},
        {"from": None, "to": "asleep", "at": AT},
        # States are not statuses.
        {"from": "failed", "to": "discarded", "at": AT},
        {"from": None, "to": "pending"},
    ],
)
def test_an_event_of_nobody_is_passed_over(event: dict[str, Any]) -> None:
    assert change_of(event) is None
