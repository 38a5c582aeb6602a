"""What surrounds every page below /dashboard: who is signed in, the way around, the alerts.

Templates get it as `shell`, also those of other blueprints that extend `dashboard/tasks.html`. All
of it is looked up when a template asks, so a page outside the guard (signing in) costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from flask import request, url_for

from resumes.operating import Operator, Role
from webapp.dashboard.ports import Ports

#: From a page's name to its endpoint.
PAGES = {
    "Overview": "dashboard.overview",
    "Jobs": "dashboard.jobs",
    "Failures": "dashboard.failures",
    "Dead letters": "dashboard.letters",
    "Operations": "dashboard.operations",
    "Lanes": "dashboard.lanes",
    "Audit": "dashboard.audit",
}


class Link(NamedTuple):
    """A way to another page; `waiting`: how much waits there for somebody."""

    name: str
    address: str
    waiting: int
    is_here: bool


@dataclass(frozen=True)
class Alerts:
    """What waits for an operator."""

    failures: int = 0
    letters: int = 0

    @property
    def total(self) -> int:
        """Both together: for the tab's title and icon."""
        return self.failures + self.letters


class Shell:
    """One per request."""

    def __init__(self, ports: Ports, links: Sequence[tuple[str, str]]) -> None:
        self._ports = ports
        self._links = links
        self.now = datetime.now(UTC)

    @cached_property
    def operator(self) -> Operator:
        """Who is signed in; raises when nobody is."""
        return self._ports.guard.require(Role.VIEWER)

    @cached_property
    def csrf_token(self) -> str:
        """What each form carries."""
        return self._ports.guard.csrf_token()

    @cached_property
    def alerts(self) -> Alerts:
        """What waits for an operator; a Kafka that does not answer counts as empty here."""
        groups = self._ports.statistics.totals().failed_by_code.values()
        _, letters = self._ports.queue_state.dead_letters() or (0, 0)
        return Alerts(sum(count > 0 for count in groups), letters)

    def navigation(self) -> list[Link]:
        """Return the pages."""
        waiting = {"Failures": self.alerts.failures, "Dead letters": self.alerts.letters}
        own = [(name, url_for(endpoint)) for name, endpoint in PAGES.items()]
        addresses = [*own, *self._links]
        here = max((address for _, address in addresses if _is_below(address)), key=len, default="")
        return [
            Link(name, address, waiting.get(name, 0), address == here)
            for name, address in addresses
        ]


def _is_below(address: str) -> bool:
    return request.path == address or request.path.startswith(address.rstrip("/") + "/")
