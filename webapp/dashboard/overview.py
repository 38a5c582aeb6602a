"""/dashboard: how things stand, on one screen. No count here is made by counting jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, render_template, request

from resumes.operating import FailureGroup
from resumes.statistics import Minute, Totals, added, percentile_s
from webapp.dashboard import plots
from webapp.dashboard.ports import Ports

_GROUPS = 5
#: The figures "now" are of the last whole minutes: the present one has only begun.
_RATE_MINUTES = 5
_TIMES_MINUTES = 15
#: A day's table is fifteen times the work.
_REFRESH_S = {"hour": 2, "day": 10}


@dataclass(frozen=True)
class Rates:
    """What came and went lately."""

    in_per_minute: float
    out_per_minute: float
    p50_s: float | None
    p95_s: float | None


def add_overview(blueprint: Blueprint, ports: Ports, *, sockets: Callable[[], int | None]) -> None:
    """Add the page."""

    @blueprint.get("", strict_slashes=False)
    def overview() -> str:
        span = request.args.get("span", "hour")
        span = span if span in plots.SPANS else "hour"
        minutes, per_row = plots.SPANS[span]
        happened = ports.statistics.minutes(last=minutes)
        totals = ports.statistics.totals()
        groups = ports.reads.failure_groups()
        return render_template(
            "dashboard/overview.html",
            span=span,
            spans=plots.SPANS,
            every_s=_REFRESH_S[span],
            totals=totals,
            is_empty=not happened_at_all(totals),
            rates=rates(happened),
            plot_table=plots.table(happened, minutes_per_row=per_row),
            oldest_pending_s=_age_s(ports.reads.oldest_pending_at()),
            groups=groups[:_GROUPS],
            more_groups=len(groups[_GROUPS:]),
            shares=_shares(groups[:_GROUPS]),
            sockets=sockets(),
            lag=ports.queue_state.lag(),
            workers=ports.queue_state.workers(),
            dead_letters=ports.queue_state.dead_letters(),
            breaker=ports.breaker.read(),
        )


def rates(minutes: list[Minute]) -> Rates:
    """Return what the last minutes say; the last one, which is not over, is left out."""
    lately = minutes[-_RATE_MINUTES - 1 : -1]
    times = added(minutes[-_TIMES_MINUTES:])
    return Rates(
        in_per_minute=sum(m.created + m.replayed for m in lately) / _RATE_MINUTES,
        out_per_minute=sum(m.completed + m.failed + m.cancelled for m in lately) / _RATE_MINUTES,
        p50_s=percentile_s(times, 0.5),
        p95_s=percentile_s(times, 0.95),
    )


def happened_at_all(totals: Totals) -> bool:
    """True once there was a job."""
    ended = totals.completed + totals.failed + totals.cancelled + totals.discarded
    return totals.pending + totals.processing + ended > 0


def _age_s(at: datetime | None) -> float | None:
    return (datetime.now(UTC) - at).total_seconds() if at else None


def _shares(groups: list[FailureGroup]) -> dict[str, float]:
    """Return how large each group is beside the largest."""
    largest = max((group.count for group in groups), default=1)
    return {group.error_code: group.count / largest for group in groups}
