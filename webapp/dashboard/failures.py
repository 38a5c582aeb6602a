"""/dashboard/failures: the failed jobs by what went wrong."""

from flask import Blueprint, render_template

from resumes.job_filter import JobFilter, JobState
from webapp.dashboard.jobs import ACTIONS
from webapp.dashboard.ports import Ports

_REFRESH_S = 5


def add_failures(blueprint: Blueprint, ports: Ports) -> None:
    """Add the page."""

    @blueprint.get("/failures")
    def failures() -> str:
        groups = ports.reads.failure_groups()
        return render_template(
            "dashboard/failures.html",
            groups=groups,
            total=sum(group.count for group in groups),
            filters={
                group.error_code: JobFilter(
                    state=JobState.FAILED, error_code=group.error_code
                ).to_values()
                for group in groups
            },
            actions=ACTIONS[JobState.FAILED],
            every_s=_REFRESH_S,
        )
