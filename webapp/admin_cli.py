"""`flask jobs` and `flask operations`: what operators do, for whoever has the settings.

It needs no sign-in; `--as NAME` says in the audit log who it was. Dead letters: `letters_cli.py`.
"""

import json
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar

import click
from flask import Blueprint

from resumes.job_filter import FilterError, JobFilter, JobState
from resumes.operating import JobPage, NewOperation, Operation, OperationKind
from resumes.operations import MAX_PER_SECOND
from webapp import admin_json
from webapp.dashboard.ports import AdminReads, Audit, Operations

_WHO = "command line"
_LOOK_INTERVAL_S = 0.5

Command = TypeVar("Command", bound=Callable[..., Any])


def _filters(command: Command) -> Command:
    """Add what says which jobs are meant."""
    for option in reversed(
        (
            click.argument("job_ids", nargs=-1),
            click.option("--error-code"),
            click.option("--error-text", help="A part of the error message."),
            click.option("--user", "user_id", help="The user's id."),
            click.option("--since", help="Uploaded from then on, such as 2026-11-25T08:00 (UTC)."),
            click.option("--until", help="Uploaded before."),
            click.option("--min-attempts"),
        )
    ):
        command = option(command)
    return command


def _actions(command: Command) -> Command:
    """Add the options of what is done to many jobs."""
    for option in reversed(
        (
            click.option("--all", "is_all", is_flag=True, help="Every one, without a filter."),
            click.option("--dry-run", is_flag=True, help="Only say what would be done."),
            click.option(
                "--per-second", type=click.FloatRange(0, MAX_PER_SECOND, min_open=True), default=50
            ),
            click.option("--max-count", type=click.IntRange(min=1), help="At most so many."),
            click.option("--reason", default="", help="For the audit log."),
            click.option("--as", "operator", default=_WHO, show_default=True, metavar="NAME"),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--no-wait", is_flag=True, help="Return while it is under way."),
        )
    ):
        command = option(command)
    return _filters(command)


def job_commands(reads: AdminReads, operations: Operations, audit: Audit) -> Blueprint:
    """Return the blueprint that carries the `jobs` command group."""
    blueprint = Blueprint("jobs_cli", __name__, cli_group="jobs")
    _add_reads(blueprint, reads, audit)

    @blueprint.cli.command("retry")
    @click.option("--waiting", is_flag=True, help="Try those now that wait for their next attempt.")
    @_actions
    def retry(*, waiting: bool, **options: Any) -> None:
        """Put failed jobs back: JOB_IDS, or those of a filter, or --all."""
        kind = OperationKind.RETRY_NOW if waiting else OperationKind.REPLAY
        _operate(operations, kind, **options)

    @blueprint.cli.command("discard")
    @_actions
    def discard(**options: Any) -> None:
        """Give failed jobs up for good and drop their files: JOB_IDS, a filter, or --all."""
        _operate(operations, OperationKind.DISCARD, **options)

    return blueprint


def _add_reads(blueprint: Blueprint, reads: AdminReads, audit: Audit) -> None:
    @blueprint.cli.command("ls")
    @click.option("--state", type=click.Choice([str(state) for state in JobState]))
    @_filters
    @click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
    @click.option("--cursor")
    @click.option("--json", "as_json", is_flag=True)
    def ls(
        job_ids: tuple[str, ...],
        limit: int,
        cursor: str | None,
        *,
        as_json: bool,
        **conditions: str | None,
    ) -> None:
        """List jobs, the newest first: JOB_IDS, or those of a filter, or all."""
        try:
            page = reads.jobs(_wanted(job_ids, conditions), cursor=cursor, limit=limit)
        except FilterError as error:
            raise click.ClickException(str(error)) from None
        _print_jobs(page, as_json=as_json)

    @blueprint.cli.command("show")
    @click.argument("job_id")
    def show(job_id: str) -> None:
        """Print all that is known of JOB_ID as JSON; names, e-mails and phones are masked."""
        details = reads.details(job_id)
        if details is None:
            raise click.ClickException(f"there is no job {job_id!r}")
        click.echo(_dump(admin_json.details_json(details)))

    @blueprint.cli.command("file")
    @click.argument("job_id")
    @click.option("--output", type=click.File("wb", lazy=True), required=True)
    @click.option("--reason", default="", help="For the audit log.")
    @click.option("--as", "operator", default=_WHO, show_default=True, metavar="NAME")
    def file(job_id: str, output: IO[bytes], reason: str, operator: str) -> None:
        """Write JOB_ID's PDF into a file, or to - ; it is noted in the audit log."""
        data = reads.file(job_id)
        if data is None:
            raise click.ClickException(f"no file of a job {job_id!r} is stored")
        audit.note(operator, "file.downloaded", job_id, reason, size_bytes=len(data))
        output.write(data)


def operation_commands(operations: Operations) -> Blueprint:
    """Return the blueprint that carries the `operations` command group."""
    blueprint = Blueprint("operations_cli", __name__, cli_group="operations")

    def answer(operation: Operation | None) -> None:
        if operation is None:
            raise click.ClickException("there is no such operation")
        click.echo(_dump(admin_json.operation_json(operation)))

    @blueprint.cli.command("ls")
    @click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
    def ls(limit: int) -> None:
        """List operations, the newest first."""
        for operation in operations.recent(limit):
            click.echo(f"{operation.id}  {_summary(operation)}")

    @blueprint.cli.command("show")
    @click.argument("operation_id")
    def show(operation_id: str) -> None:
        """Print an operation as JSON."""
        answer(operations.get(operation_id))

    @blueprint.cli.command("stop")
    @click.argument("operation_id")
    @click.option("--as", "operator", default=_WHO, show_default=True, metavar="NAME")
    def stop(operation_id: str, operator: str) -> None:
        """Let an operation end after the job it is at."""
        answer(operations.stop(operation_id, operator))

    return blueprint


def _print_jobs(page: JobPage, *, as_json: bool) -> None:
    rows = [admin_json.job_json(job) for job in page.jobs]
    if as_json:
        click.echo(_dump({"items": rows, "next_cursor": page.next_cursor}))
        return
    for row in rows:
        click.echo(
            f"{row['id']}  {row['state']:<10}  {row['attempt']}/{row['max_attempts']}"
            f"  {row['updated_at']}  {_one_line(row['file_name'])}  {row['error_code']}"
        )
    if page.next_cursor:
        click.echo(f"more: --cursor {page.next_cursor}")


def _operate(  # noqa: PLR0913 - the options, all by name
    operations: Operations,
    kind: OperationKind,
    *,
    job_ids: tuple[str, ...],
    is_all: bool,
    dry_run: bool,
    per_second: float,
    max_count: int | None,
    reason: str,
    operator: str,
    yes: bool,
    no_wait: bool,
    **conditions: str | None,
) -> None:
    """Start an operation and say how it ended; exit with 1 when jobs were refused."""
    try:
        wanted = _wanted(job_ids, conditions)
        if wanted == JobFilter() and not is_all:
            raise click.UsageError("which jobs? Name them, or give a filter, or say --all")
        if not (dry_run or yes):
            click.confirm(f"{kind}: {wanted.in_words()}?", abort=True, err=True)
        operation = operations.start(
            NewOperation(kind, wanted, operator, reason, dry_run, per_second, max_count),
            request_id="",
        )
    except FilterError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"operation {operation.id} goes through {operation.total} jobs", err=True)
    while not (no_wait or operation.status.has_ended):
        time.sleep(_LOOK_INTERVAL_S)
        operation = operations.get(operation.id) or operation
    click.echo(_dump(admin_json.operation_json(operation)))
    if operation.refused:
        raise click.exceptions.Exit(1)


def _wanted(job_ids: tuple[str, ...], conditions: dict[str, str | None]) -> JobFilter:
    given = {**conditions, "job_ids": ",".join(job_ids)}
    return JobFilter.from_values({name: text for name, text in given.items() if text})


def _summary(operation: Operation) -> str:
    asked = operation.asked
    name = f"dry run of {asked.kind}" if asked.is_dry_run else str(asked.kind)
    refusals = ", ".join(f"{reason} {count}" for reason, count in operation.refusals.items())
    waits = f", waits for {operation.waits_for}" if operation.waits_for else ""
    return (
        f"{operation.status}: {name} of {asked.wanted.in_words()}: {operation.done} done,"
        f" {operation.refused} refused{f' ({refusals})' if refusals else ''}"
        f" of {operation.total}{waits}"
    )


def _one_line(text: str) -> str:
    # File names are anybody's; a terminal obeys control characters.
    return "".join(c if c.isprintable() else "?" for c in text)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
