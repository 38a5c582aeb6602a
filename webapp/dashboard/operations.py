"""/dashboard/operations: what operators let happen to jobs, from the dry run to the report.

The way is always the same: choose (`/new`), dry run, confirm what it found, watch. One job alone
goes without a dry run. Each form carries a `request_id`: sent twice, it is done once.
"""

from collections.abc import Iterator
from uuid import uuid4

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from resumes.job_filter import JobFilter
from resumes.operating import (
    NewOperation,
    Operation,
    OperationItem,
    OperationKind,
    Role,
)
from webapp.dashboard import export
from webapp.dashboard.ports import Operations, Ports

_RECENT = 50
_PAGE_SIZE = 50
_EXPORT_PAGE_SIZE = 1000
_REFRESH_S = 1
DEFAULT_PER_SECOND = 50
MAX_PER_SECOND = 1000
_MAX_COUNT = 10_000_000
_MAX_REASON_LENGTH = 500


def add_operations(blueprint: Blueprint, ports: Ports) -> None:
    """Add the list, the form, and the page of one operation."""

    @blueprint.get("/operations")
    def operations() -> str:
        recent = ports.operations.recent(_RECENT)
        runs = any(not operation.status.has_ended for operation in recent)
        return render_template(
            "dashboard/operations.html", operations=recent, every_s=2 if runs else 10
        )

    @blueprint.get("/operations/new")
    def new_operation() -> str:
        ports.guard.require(Role.OPERATOR)
        kind, wanted = _kind(request.args.get("kind", "")), _wanted()
        return render_template(
            "dashboard/operation_new.html",
            kind=kind,
            wanted=wanted,
            request_id=uuid4().hex,
            per_second=DEFAULT_PER_SECOND,
            max_per_second=MAX_PER_SECOND,
        )

    @blueprint.post("/operations")
    def start_operation() -> AnyResponse:
        operator = ports.guard.require(Role.OPERATOR)
        started = ports.operations.start(
            _asked(operator.name), request_id=request.form.get("request_id", "")
        )
        return redirect(url_for(".operation", operation_id=started.id), 303)

    @blueprint.post("/operations/<operation_id>/stop")
    def stop_operation(operation_id: str) -> AnyResponse:
        operator = ports.guard.require(Role.OPERATOR)
        if ports.operations.stop(operation_id, operator.name) is None:
            raise NotFound("There is no such operation.")
        return redirect(url_for(".operation", operation_id=operation_id), 303)

    add_operation_page(blueprint, ports.operations)


def add_operation_page(blueprint: Blueprint, operations: Operations) -> None:
    """Add the page of one operation and its report as a file."""

    def found(operation_id: str) -> Operation:
        operation = operations.get(operation_id)
        if operation is None:
            raise NotFound("There is no such operation.")
        return operation

    @blueprint.get("/operations/<operation_id>")
    def operation(operation_id: str) -> str:
        shown = found(operation_id)
        only_refused = request.args.get("only_refused") == "1"
        items, next_cursor = operations.items(
            operation_id,
            only_refused=only_refused,
            cursor=request.args.get("cursor"),
            limit=_PAGE_SIZE,
        )
        return render_template(
            "dashboard/operation.html",
            operation=shown,
            items=items,
            only_refused=only_refused,
            next_cursor=next_cursor,
            cursor=request.args.get("cursor"),
            request_id=uuid4().hex,
            max_per_second=MAX_PER_SECOND,
            every_s=0 if shown.status.has_ended else _REFRESH_S,
        )

    @blueprint.get("/operations/<operation_id>/items.<any(csv, ndjson):form>")
    def export_items(operation_id: str, form: str) -> Response:
        found(operation_id)
        rows = (export.item_row(item) for item in _all_items(operations, operation_id))
        return export.download(rows, export.ITEM_COLUMNS, f"operation-{operation_id}.{form}")


def _all_items(operations: Operations, operation_id: str) -> Iterator[OperationItem]:
    cursor: str | None = None
    while True:
        items, cursor = operations.items(
            operation_id, only_refused=False, cursor=cursor, limit=_EXPORT_PAGE_SIZE
        )
        yield from items
        if cursor is None:
            return


def _wanted() -> JobFilter:
    """Return which jobs are meant: the ticked rows where there are any, else the whole filter."""
    ticked = request.values.getlist("job_id")
    if not ticked:
        return JobFilter.from_values(request.values)
    return JobFilter.from_values({"job_ids": ",".join(ticked)})


def _asked(operator: str) -> NewOperation:
    form, wanted = request.form, _wanted()
    is_dry_run, after_dry_run = form.get("is_dry_run") == "1", form.get("after_dry_run", "")
    if not (is_dry_run or after_dry_run or len(wanted.job_ids) == 1):
        raise BadRequest("Start with a dry run: it says how many jobs are meant.")
    return NewOperation(
        kind=_kind(form.get("kind", "")),
        wanted=wanted,
        operator=operator,
        reason=form.get("reason", "").strip()[:_MAX_REASON_LENGTH],
        is_dry_run=is_dry_run,
        per_second=_number("per_second", default=DEFAULT_PER_SECOND, most=MAX_PER_SECOND),
        max_count=_number("max_count", default=0, most=_MAX_COUNT) or None,
        after_dry_run=after_dry_run,
    )


def _kind(text: str) -> OperationKind:
    try:
        return OperationKind(text)
    except ValueError:
        raise BadRequest(f"Choose what to do: {', '.join(OperationKind)}.") from None


def _number(name: str, *, default: int, most: int) -> int:
    text = request.form.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise BadRequest(f"{name} is a whole number from 1 to {most:,}.")
    return int(text)
