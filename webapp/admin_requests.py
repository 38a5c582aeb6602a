"""What programs send to `/api/v1/admin/`: read, or refused; and how lists go out."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from flask import Response, jsonify, request, url_for
from werkzeug.exceptions import BadRequest

from resumes.job_filter import JobFilter
from resumes.operating import NewOperation, OperationKind

MAX_TOKEN_LENGTH = 100
_PAGE_SIZE, _MAX_PAGE_SIZE = 50, 200
_MAX_REASON_LENGTH = 500
_PER_SECOND = 50.0
_CONDITIONS = {condition.name for condition in fields(JobFilter)}


def new_operation(body: dict[str, Any], operator: str) -> NewOperation:
    """Return the operation that is asked for."""
    conditions = body.get("filter", {})
    if not isinstance(conditions, dict):
        raise BadRequest("filter: an object of conditions, each a text")
    if unknown := conditions.keys() - _CONDITIONS:
        # Passed over, it would make the filter wider than was meant.
        raise BadRequest(f"filter: no condition is called {', '.join(sorted(unknown))}")
    try:
        kind = OperationKind(text_of(body, "kind"))
    except ValueError:
        raise BadRequest(f"kind: one of {', '.join(OperationKind)}") from None
    max_count = body.get("max_count")
    if max_count is not None and (isinstance(max_count, bool) or not isinstance(max_count, int)):
        raise BadRequest("max_count: a whole number")
    is_dry_run = body.get("dry_run", False)
    if not isinstance(is_dry_run, bool):
        raise BadRequest("dry_run: true or false")
    return NewOperation(
        kind=kind,
        wanted=JobFilter.from_values({name: _as_text(one) for name, one in conditions.items()}),
        operator=operator,
        reason=text_of(body, "reason"),
        is_dry_run=is_dry_run,
        per_second=_per_second(body),
        max_count=max_count,
        after_dry_run=text_of(body, "after_dry_run", most=MAX_TOKEN_LENGTH),
    )


def json_body() -> dict[str, Any]:
    """Return the JSON object that came; an empty one without a body."""
    if not request.content_length and not request.data:
        return {}
    body = request.get_json()
    if not isinstance(body, dict):
        raise BadRequest("Send a JSON object.")
    return body


def text_of(body: dict[str, Any], name: str, *, most: int = _MAX_REASON_LENGTH) -> str:
    """Return a text of the body, "" when it is not there."""
    text = body.get(name, "")
    if not isinstance(text, str) or len(text) > most:
        raise BadRequest(f"{name}: a text of at most {most} characters")
    return text.strip()


def asked_cursor() -> str | None:
    """Return where the page that is asked for begins."""
    return request.args.get("cursor") or None


def asked_limit() -> int:
    """Return how many items are asked for."""
    text = request.args.get("limit", str(_PAGE_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) > 0):  # noqa: PLR2004
        raise BadRequest(f"limit: a number from 1 to {_MAX_PAGE_SIZE}")
    return min(int(text), _MAX_PAGE_SIZE)


def page_of(items: Sequence[dict[str, Any]], next_cursor: str | None) -> Response:
    """Return a page of a list and, where there is more, the address of the next."""
    response = jsonify(items=items, next_cursor=next_cursor)
    if next_cursor is not None:
        # Names with an underscore mean something to url_for.
        asked = {name: text for name, text in request.args.items() if not name.startswith("_")}
        values = {**asked, **(request.view_args or {}), "cursor": next_cursor}
        address = url_for(request.endpoint or "", **values)
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


def _per_second(body: dict[str, Any]) -> float:
    value = body.get("per_second", _PER_SECOND)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest("per_second: a number")
    try:
        return float(value)
    except OverflowError:
        raise BadRequest("per_second: a number of a sensible size") from None


def _as_text(condition: object) -> str:
    if isinstance(condition, list):
        return ",".join(str(one) for one in condition)
    return str(condition)
