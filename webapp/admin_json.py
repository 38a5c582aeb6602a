"""What operators see, as JSON: times in ISO 8601, people masked. Pure."""

from datetime import datetime
from typing import Any

from resumes.operating import (
    AuditEntry,
    FailureGroup,
    JobDetails,
    ListedJob,
    Operation,
    OperationItem,
    Step,
)
from webapp.dashboard.masking import masked
from webapp.dashboard.queue_ports import DeadLetter

#: Hex is twice the bytes, and a record may have ten million.
_SHOWN_BYTES = 64 * 1024


def job_json(listed: ListedJob) -> dict[str, Any]:
    """Return a row of the list."""
    job = listed.job
    return {
        "id": job.id,
        "user_id": job.user_id,
        "file_name": job.file_name,
        "size_bytes": job.size_bytes,
        "status": str(job.status),
        "state": str(listed.state),
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "replays": listed.replays,
        "error_code": job.error_code,
        "error_message": job.error_message,
        "worker": listed.worker,
        "resume_id": job.resume_id,
        "next_retry_at": _iso(job.next_retry_at),
        "created_at": _iso(job.created_at),
        "updated_at": _iso(job.updated_at),
    }


def details_json(details: JobDetails) -> dict[str, Any]:
    """Return all that is known of a job; names, e-mails and phones in its resume are masked."""
    cv_data = details.listed.job.cv_data
    return {
        **job_json(details.listed),
        "sha256": details.listed.job.sha256,
        "has_file": details.has_file,
        "last_success_id": details.last_success_id,
        "letter_id": details.letter_id,
        "traceparent": details.traceparent,
        "cv_data": masked(cv_data) if cv_data else None,
        "steps": [_step_json(step) for step in details.steps],
    }


def _step_json(step: Step) -> dict[str, Any]:
    place = step.place
    return {
        "at": _iso(step.at),
        "from": step.from_status,
        "to": step.to_status,
        "attempt": step.attempt,
        "reason": step.reason,
        "error_message": step.error_message,
        "worker": step.worker,
        "operator": step.operator,
        "trace": step.trace,
        "took_s": step.took_s,
        "record": place
        and {"topic": place.topic, "partition": place.partition, "offset": place.offset},
    }


def group_json(group: FailureGroup) -> dict[str, Any]:
    """Return the failed jobs of one error code."""
    return {
        "error_code": group.error_code,
        "count": group.count,
        "first_at": _iso(group.first_at),
        "last_at": _iso(group.last_at),
        "sample_job_id": group.sample_job_id,
        "sample_message": group.sample_message,
    }


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return an operation and how far it is."""
    asked = operation.asked
    return {
        "id": operation.id,
        "kind": str(asked.kind),
        "filter": asked.wanted.to_values(),
        "in_words": asked.wanted.in_words(),
        "operator": asked.operator,
        "reason": asked.reason,
        "dry_run": asked.is_dry_run,
        "per_second": asked.per_second,
        "max_count": asked.max_count,
        "after_dry_run": asked.after_dry_run,
        "status": str(operation.status),
        "waits_for": operation.waits_for,
        "total": operation.total,
        "done": operation.done,
        "refused": operation.refused,
        "refusals": dict(operation.refusals),
        "created_at": _iso(operation.created_at),
        "started_at": _iso(operation.started_at),
        "ended_at": _iso(operation.ended_at),
    }


def item_json(item: OperationItem) -> dict[str, Any]:
    """Return what became of one job."""
    return {
        "job_id": item.job_id,
        "file_name": item.file_name,
        "user_id": item.user_id,
        "outcome": "refused" if item.refusal else "done",
        "refusal": item.refusal,
        "at": _iso(item.at),
    }


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry of the audit log."""
    return {
        "id": entry.id,
        "at": _iso(entry.at),
        "operator": entry.operator,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.reason,
        "details": dict(entry.details),
    }


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter without its value."""
    return {
        "id": letter.letter_id,
        "died_at": _iso(letter.died_at),
        "key": _text(letter.record.key),
        "original_topic": letter.original_topic,
        "error_class": letter.error_class,
        "error": letter.error,
        "replays": letter.replays,
        "is_handled": letter.is_handled,
    }


def whole_letter_json(letter: DeadLetter, job_id: str | None) -> dict[str, Any]:
    """Return a dead letter with its headers and its value, as text and in hex."""
    value = letter.record.value
    shown = None if value is None else value[:_SHOWN_BYTES]
    return {
        **letter_json(letter),
        "job_id": job_id,
        "headers": dict(letter.headers),
        "value": {
            "text": _text(shown),
            "hex": None if shown is None else shown.hex(),
            "size_bytes": len(value or b""),
            "is_cut": len(value or b"") > _SHOWN_BYTES,
        },
    }


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", errors="replace")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
