"""/dashboard/jobs/<id>: one job's history, its record, and what it made of the file."""

import json
import shlex
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from resumes.errors import QueueUnavailableError
from resumes.job import is_object_id
from resumes.job_filter import JobFilter, JobState
from resumes.operating import JobDetails, RecordPlace, Role
from webapp.dashboard.jobs import ACTIONS
from webapp.dashboard.masking import masked
from webapp.dashboard.ports import Ports
from webapp.dashboard.queue_ports import DeadLetter
from webapp.pdf_download import pdf_download
from webapp.resume_view import view_of

_REFRESH_S = 2


def add_job_page(blueprint: Blueprint, ports: Ports) -> None:
    """Add the page, the one that shows the resume unmasked, and the file."""

    @blueprint.get("/jobs/<job_id>")
    def job(job_id: str) -> str:
        return _page(ports, _details(ports, job_id), is_revealed=False)

    @blueprint.post("/jobs/<job_id>/resume")
    def reveal(job_id: str) -> str:
        """Show the resume as it is: by POST, so that no link does it, and noted before."""
        operator = ports.guard.require(Role.OPERATOR)
        details = _details(ports, job_id)
        reason = request.form.get("reason", "").strip()
        ports.audit.note(operator.name, "resume.revealed", job_id, reason)
        return _page(ports, details, is_revealed=True)

    @blueprint.post("/jobs/<job_id>/file")
    def download_file(job_id: str) -> Response:
        """Hand the PDF out: by POST, for the same reason."""
        operator = ports.guard.require(Role.OPERATOR)
        reason = request.form.get("reason", "").strip()
        return pdf_download(ports.reads, ports.audit, job_id, operator=operator.name, reason=reason)


def _details(ports: Ports, job_id: str) -> JobDetails:
    details = ports.reads.details(job_id) if is_object_id(job_id) else None
    if details is None:
        raise NotFound("There is no such job. Its record may have been removed with its user.")
    return details


def _page(ports: Ports, details: JobDetails, *, is_revealed: bool) -> str:
    listed, cv_data = details.listed, details.listed.job.cv_data
    moves = not listed.job.status.is_terminal
    return render_template(
        "dashboard/job.html",
        details=details,
        job=listed.job,
        steps=list(reversed(details.steps)),
        place=_place(details),
        letter=_letter(ports, details),
        payload=_payload(details),
        resume=view_of(cv_data if is_revealed else masked(cv_data)) if cv_data else None,
        is_revealed=is_revealed,
        actions=ACTIONS.get(listed.state, ()),
        one=JobFilter(job_ids=frozenset({listed.job.id})).to_values(),
        similar=JobFilter(state=JobState.FAILED, error_code=listed.job.error_code).to_values(),
        curl=_curl(listed.job.id),
        request_id=uuid4().hex,
        every_s=_REFRESH_S if moves and not is_revealed else 0,
    )


def _place(details: JobDetails) -> RecordPlace | None:
    """Return where the job's latest record lay."""
    return next((step.place for step in reversed(details.steps) if step.place), None)


def _letter(ports: Ports, details: JobDetails) -> DeadLetter | None:
    try:
        return ports.letters.get(details.letter_id) if details.letter_id else None
    except QueueUnavailableError:
        return None  # the rest of the page is in the database


def _payload(details: JobDetails) -> str:
    job = details.listed.job
    value: dict[str, Any] = {"job_id": job.id, "user_id": job.user_id, "file_name": job.file_name}
    return json.dumps(value, ensure_ascii=False, indent=2)


def _curl(job_id: str) -> str:
    address = f"{request.url_root}api/v1/admin/jobs/{job_id}"
    return f'curl -H "Authorization: Bearer $TOKEN" {shlex.quote(address)}'
