"""A job's PDF for an operator: a file to save, no page to look at, and noted before it goes."""

from io import BytesIO

from flask import Response, send_file
from werkzeug.exceptions import NotFound

from webapp.dashboard.ports import AdminReads, Audit

_GONE = "The file of this job is not stored any more."


def pdf_download(
    reads: AdminReads, audit: Audit, job_id: str, *, operator: str, reason: str
) -> Response:
    """Return the job's file; raise NotFound when its bytes are gone."""
    data = reads.file(job_id)
    if data is None:
        raise NotFound(_GONE)
    audit.note(operator, "file.downloaded", job_id, reason, size_bytes=len(data))
    # Not by the user's own name for it, which may be that of a program.
    return send_file(
        BytesIO(data),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=f"{job_id}.pdf",
    )
