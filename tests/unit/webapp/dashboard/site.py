"""The dashboard on its collaborators in memory.

`python -m tests.unit.webapp.dashboard.site PORT` serves it.
"""

import sys
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from resumes.job_filter import JobFilter, JobState
from resumes.operating import ListedJob, NewOperation, OperationKind
from tests.unit.webapp.dashboard.in_memory import (
    ClosedBreaker,
    Figures,
    Guard,
    Letters,
    MemoryAudit,
    MemoryLanes,
    MemoryOperations,
    Queue,
    Reads,
    night,
    worker,
)
from webapp.dashboard import dashboard_blueprint
from webapp.errors import register_error_handlers
from webapp.pages import pages_blueprint
from webapp.request_context import register_request_context


@dataclass
class Site:
    """The pages, and what stands behind them."""

    listed: list[ListedJob] = field(default_factory=night)
    #: In memory, unless a test means the real one.
    guard: Any = field(default_factory=Guard)
    queue: Queue = field(default_factory=lambda: Queue(alive=[worker(1, 2), worker(2, 0)]))
    breaker: ClosedBreaker = field(default_factory=ClosedBreaker)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    letters: Letters = field(default_factory=Letters)
    lanes: MemoryLanes = field(default_factory=MemoryLanes)

    def __post_init__(self) -> None:
        self.reads = Reads(self.listed)
        self.figures = Figures(self.listed, 1_000_000 if self.listed else 0)
        self.operations = MemoryOperations(self.reads)
        self.app = Flask("test", static_folder=None)
        register_request_context(self.app)
        register_error_handlers(self.app)
        self.app.register_blueprint(pages_blueprint())
        self.app.register_blueprint(
            dashboard_blueprint(
                guard=self.guard,
                reads=self.reads,
                statistics=self.figures,
                operations=self.operations,
                audit=self.audit,
                queue_state=self.queue,
                breaker=self.breaker,
                letters=self.letters,
                lanes=self.lanes,
                sockets=lambda: 1234,
                links=[("Tasks", "/dashboard/tasks/")],
            )
        )


def with_operations(site: Site) -> list[str]:
    """Let some operations have been; return their ids: a dry run, one that runs, one that ended."""
    outage = JobFilter(state=JobState.FAILED, error_code="parser_unavailable")
    asked = NewOperation(OperationKind.REPLAY, outage, "minh.tran", is_dry_run=True)
    dry = site.operations.start(asked, request_id="1")
    site.operations.share = 0.31
    new = NewOperation(
        OperationKind.REPLAY, outage, "minh.tran", "Parser was down", after_dry_run=dry.id
    )
    runs = site.operations.start(new, request_id="2")
    site.operations.share = 1.0
    done = site.operations.start(new, request_id="3")
    for action in ("operation.replay", "resume.revealed", "lane.pause", "signed_in"):
        site.audit.note("minh.tran", action, outage.in_words(), "Parser was down", count=500)
    return [dry.id, runs.id, done.id]


if __name__ == "__main__":
    shown = Site()
    with_operations(shown)
    shown.app.run(port=int(sys.argv[1]), threaded=True)
