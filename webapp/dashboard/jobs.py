"""/dashboard/jobs: the list, its filter, and the same jobs as a file."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from resumes.job_filter import FilterError, JobFilter, JobState
from resumes.operating import JobPage, OperationKind, Role
from resumes.statistics import Totals
from webapp.dashboard import export
from webapp.dashboard.ports import Ports

PAGE_SIZE = 50
_REFRESH_S = 5

#: What can be done to jobs of a state; without a state anything, and the dry run says to which.
ACTIONS = {
    JobState.FAILED: (OperationKind.REPLAY, OperationKind.DISCARD),
    JobState.RETRYING: (OperationKind.RETRY_NOW,),
    None: tuple(OperationKind),
}


def add_jobs(blueprint: Blueprint, ports: Ports) -> None:
    """Add the list and its exports."""

    @blueprint.get("/jobs")
    def jobs() -> tuple[str, int]:
        values = request.args.to_dict()
        try:
            wanted, fault = JobFilter.from_values(values), ""
            page = ports.reads.jobs(wanted, cursor=values.get("cursor"), limit=PAGE_SIZE)
        except FilterError as error:
            wanted, fault, page = JobFilter(), str(error), JobPage([], None)
        totals = ports.statistics.totals()
        html = render_template(
            "dashboard/jobs.html",
            wanted=wanted,
            page=page,
            fault=fault,
            values=values,
            every_s=0 if fault else _REFRESH_S,
            count=known_count(wanted, totals),
            totals=totals,
            states=JobState,
            actions=ACTIONS.get(wanted.state, ()),
            older=_address(values, cursor=page.next_cursor) if page.next_cursor else "",
            first=_address(values) if values.get("cursor") else "",
        )
        return html, 400 if fault else 200

    @blueprint.get("/jobs/export.<any(csv, ndjson):form>")
    def export_jobs(form: str) -> Response:
        operator = ports.guard.require(Role.VIEWER)
        wanted = JobFilter.from_values(request.args)
        ports.audit.note(operator.name, "jobs.exported", wanted.in_words(), form=form)
        rows = (export.job_row(listed) for listed in ports.reads.export(wanted))
        return export.download(rows, export.JOB_COLUMNS, f"jobs.{form}")


def known_count(wanted: JobFilter, totals: Totals) -> int | None:
    """Return how many jobs match where that is kept; None where only counting would tell."""
    if wanted == JobFilter(state=wanted.state):
        return _count_of_state(wanted.state, totals)
    if wanted == JobFilter(state=JobState.FAILED, error_code=wanted.error_code):
        return totals.failed_by_code.get(wanted.error_code, 0)
    return None


def _count_of_state(state: JobState | None, totals: Totals) -> int:
    by_state = {
        JobState.PENDING: totals.pending - totals.retrying,
        JobState.RETRYING: totals.retrying,
        JobState.PROCESSING: totals.processing,
        JobState.COMPLETED: totals.completed,
        JobState.FAILED: totals.failed,
        JobState.CANCELLED: totals.cancelled,
        JobState.DISCARDED: totals.discarded,
    }
    return by_state[state] if state else sum(by_state.values())


def _address(values: Mapping[str, str], **changes: Any) -> str:
    conditions = {name: text for name, text in values.items() if text and name != "cursor"}
    return url_for(".jobs", **{**conditions, **changes})
