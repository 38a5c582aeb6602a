"""What the dashboard's pages work with, and how they answer: a page, or JSON with ?format=json."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from flask import Response, g, jsonify, render_template, request

from ..broker import KafkaBroker
from ..control import Control
from ..periodic import ScheduleView
from ..runs import RunHistory

_MAX_REASON_CHARS = 500


class Schedules(Protocol):
    """`Periodic`, as far as a page shows it."""

    def overview(self) -> list[ScheduleView]:
        """Return each schedule."""


@dataclass(frozen=True)
class Site:
    """An application's tasks; made once, used by all requests."""

    broker: KafkaBroker
    history: RunHistory
    control: Control
    periodic: Schedules | None
    #: For each question to Kafka.
    timeout_s: float
    #: Told of every action: what, to what, why, and how it went.
    on_action: Callable[[str, str, str, str], None]

    def tell(self, action: str, target: str, refusal: str) -> "Done":
        """Tell the host what was asked for, and how it went."""
        self.on_action(action, target, reason(), refusal)
        return Done(target, refusal)


class Done(NamedTuple):
    """What became of one thing that was acted on; `refusal` is empty when it was done."""

    target: str
    refusal: str


def site() -> Site:
    """Return whose dashboard this request is for; an application may mount several."""
    found: Site = g.task_site
    return found


def operator() -> str:
    """Return who asks, as the host's `authorize` said."""
    return str(g.task_operator)


def reason() -> str:
    """Return why, as the form says."""
    return request.form.get("reason", "").strip()[:_MAX_REASON_CHARS]


def answer(template: str, **data: Any) -> str | Response:
    """Show a page, or its data as JSON. The data is plain: it is all that a page may show."""
    if request.args.get("format") == "json":
        return jsonify(_plain(data))
    return render_template(f"task_dashboard/{template}", **data)


def report(what: str, back: str, outcomes: list[Done]) -> str | Response:
    """Say what became of an action."""
    rows = [{"target": one.target, "refusal": one.refusal} for one in outcomes]
    return answer("done.html", what=what, back=back, outcomes=rows)


def _plain(value: Any) -> Any:
    """Write times as ISO 8601; flask would write them as HTTP does."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
