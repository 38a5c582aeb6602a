"""Rows as CSV or NDJSON, streamed: the whole is never in memory."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Response, stream_with_context

from resumes.operating import ListedJob, OperationItem

Row = dict[str, Any]

JOB_COLUMNS = (
    "job_id",
    "state",
    "attempt",
    "max_attempts",
    "replays",
    "error_code",
    "error_message",
    "user_id",
    "file_name",
    "size_bytes",
    "created_at",
    "updated_at",
    "next_retry_at",
    "resume_id",
)
ITEM_COLUMNS = ("job_id", "refusal", "user_id", "file_name", "at")

#: A spreadsheet takes a cell that begins so for a formula, and runs it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def job_row(listed: ListedJob) -> Row:
    """Return a job's row."""
    own = {"job_id": listed.job.id, "state": str(listed.state), "replays": listed.replays}
    return {name: own.get(name, getattr(listed.job, name, None)) for name in JOB_COLUMNS}


def item_row(item: OperationItem) -> Row:
    """Return the row of what became of a job."""
    return {name: getattr(item, name) for name in ITEM_COLUMNS}


def download(rows: Iterable[Row], columns: Sequence[str], file_name: str) -> Response:
    """Return the rows as a file of the kind that its name says."""
    if file_name.endswith(".csv"):
        body, kind = _csv(rows, columns), "text/csv"
    else:
        body, kind = _ndjson(rows), "application/x-ndjson"
    response = Response(stream_with_context(body), mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _ndjson(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        values = {name: _plain(value) for name, value in row.items()}
        yield json.dumps(values, ensure_ascii=False) + "\n"


def _cell(value: Any) -> Any:
    plain = _plain(value)
    if isinstance(plain, str) and plain.startswith(_FORMULA_STARTS):
        return f"'{plain}"
    return plain


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
