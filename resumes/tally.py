"""Count jobs' transitions: they make the totals, and each minute's figures. Pure.

It makes no difference how the transitions are cut into batches.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from resumes.job_filter import JobState
from resumes.statistics import NO_TIMES, TIME_BOUNDS_S, Minute, Totals

#: So many error codes are told apart, the first that come; the rest is counted as one.
MAX_CODES = 100
OTHER_CODE = "other"
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENDS = {JobState.COMPLETED, JobState.FAILED}


@dataclass(frozen=True)
class Change:
    """A job's transition, as figures see it."""

    at: datetime
    #: None: the job was made.
    was: JobState | None
    now: JobState
    #: Of the failure that it ended with or, when it was failed, that it leaves.
    error_code: str = ""
    #: When the job was made or last replayed; None: not known.
    since: datetime | None = None


class Tally:
    """Totals that are counted on; not safe for concurrent calls."""

    def __init__(self, before: Totals) -> None:
        self._states = Counter({state: getattr(before, state) for state in JobState})
        self._states[JobState.PENDING] -= before.retrying
        self._codes = Counter(before.failed_by_code)

    def add(self, state: JobState, error_code: str, number: int) -> None:
        """Count so many jobs more (or less) in a state."""
        self._states[state] += number
        if state is JobState.FAILED:
            self._codes[self.listed(error_code)] += number

    def listed(self, error_code: str) -> str:
        """Return the code, or the one for the rest. A code that was listed once stays so."""
        has_room = len(self._codes) - (OTHER_CODE in self._codes) < MAX_CODES
        is_listed = error_code in self._codes or (has_room and _CODE.fullmatch(error_code))
        return error_code if is_listed else OTHER_CODE

    def totals(self, as_of: datetime) -> Totals:
        """Return what is counted by now."""
        states = self._states
        pending = states[JobState.PENDING] + states[JobState.RETRYING]
        return Totals(
            pending=pending,
            # Between two releases workers of the older one do not say who was retrying.
            retrying=max(0, min(states[JobState.RETRYING], pending)),
            processing=states[JobState.PROCESSING],
            completed=states[JobState.COMPLETED],
            failed=states[JobState.FAILED],
            cancelled=states[JobState.CANCELLED],
            discarded=states[JobState.DISCARDED],
            failed_by_code=dict(self._codes),
            as_of=as_of,
        )


def fold(before: Totals, changes: Iterable[Change], as_of: datetime) -> tuple[Totals, list[Minute]]:
    """Return the totals after these changes, and what they add to the minutes."""
    tally = Tally(before)
    minutes: dict[datetime, _MinuteTally] = {}
    for change in changes:
        if change.was is not None:
            tally.add(change.was, change.error_code, -1)
        tally.add(change.now, change.error_code, 1)
        at = change.at.replace(second=0, microsecond=0)
        minutes.setdefault(at, _MinuteTally()).add(change, tally.listed(change.error_code))
    return tally.totals(as_of), [minutes[at].minute(at) for at in sorted(minutes)]


class _MinuteTally:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._times = list(NO_TIMES)

    def add(self, change: Change, code: str) -> None:
        if change.was is None:
            self._counts["created"] += 1
        if change.now is JobState.RETRYING:
            self._counts["retried"] += 1
        elif (change.was, change.now) == (JobState.FAILED, JobState.PENDING):
            self._counts["replayed"] += 1
        elif change.now is JobState.CANCELLED:
            self._counts["cancelled"] += 1
        elif change.now in _ENDS and change.was is not change.now:
            self._end(change, code)

    def minute(self, at: datetime) -> Minute:
        return Minute(
            at=at, failed_by_code=dict(self._codes), times=tuple(self._times), **self._counts
        )

    def _end(self, change: Change, code: str) -> None:
        self._counts[change.now] += 1
        if change.now is JobState.FAILED:
            self._codes[code] += 1
        if change.since is not None:
            took_s = (change.at - change.since).total_seconds()
            self._times[bisect_left(TIME_BOUNDS_S, took_s)] += 1
