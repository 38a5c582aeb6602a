"""`flask dlq`: dead letters, of all jobs or (by default) of none, for whoever has the settings."""

import json
from collections.abc import Callable

import click
from flask import Blueprint

from webapp import admin_json
from webapp.admin_api import Letters
from webapp.dashboard.ports import Audit
from webapp.dashboard.queue_ports import DeadLetter

_WHO = "command line"


def _on_letters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the letters that it is about, and what the audit log is to say."""
    for add in (
        click.option("--as", "operator", default=_WHO, show_default=True, metavar="NAME"),
        click.option("--reason", default="", help="For the audit log."),
        click.argument("letter_ids", nargs=-1, required=True),
    ):
        command = add(command)
    return command


def letter_commands(letters: Letters, audit: Audit) -> Blueprint:
    """Return the blueprint that carries the `dlq` command group."""
    blueprint = Blueprint("dlq_cli", __name__, cli_group="dlq")

    @blueprint.cli.command("ls")
    @click.option("--all", "is_all", is_flag=True, help="Those of jobs and handled ones as well.")
    @click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
    @click.option("--cursor")
    def ls(*, is_all: bool, limit: int, cursor: str | None) -> None:
        """List letters that belong to no job, the newest first."""
        found, following = letters.page(cursor, limit, unjobbed_only=not is_all)
        for letter in found:
            row = admin_json.letter_json(letter)
            handled = " (handled)" if row["is_handled"] else ""
            click.echo(
                f"{row['id']}  {row['died_at']}  {row['error_class']}: {row['error']}{handled}"
            )
        if following:
            click.echo(f"more: --cursor {following}")

    @blueprint.cli.command("show")
    @click.argument("letter_id")
    def show(letter_id: str) -> None:
        """Print a letter as JSON."""
        letter = _found(letters, letter_id)
        shown = admin_json.whole_letter_json(letter, letters.job_of(letter))
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))

    @blueprint.cli.command("replay")
    @_on_letters
    def replay(letter_ids: tuple[str, ...], reason: str, operator: str) -> None:
        """Put letters back where they came from."""
        _handle(letters, audit, "replay", letter_ids, operator, reason)

    @blueprint.cli.command("discard")
    @_on_letters
    def discard(letter_ids: tuple[str, ...], reason: str, operator: str) -> None:
        """Set letters aside for good."""
        _handle(letters, audit, "discard", letter_ids, operator, reason)

    return blueprint


def _handle(
    letters: Letters,
    audit: Audit,
    way: str,
    letter_ids: tuple[str, ...],
    operator: str,
    reason: str,
) -> None:
    act = {"replay": letters.replay, "discard": letters.discard}[way]
    refused = 0
    for letter_id in letter_ids:
        if job_id := letters.job_of(_found(letters, letter_id)):
            click.echo(f"{letter_id} is of the job {job_id}: use `flask jobs`", err=True)
        elif act(letter_id):
            audit.note(operator, f"letter.{way}", letter_id, reason)
            continue
        else:
            click.echo(f"{letter_id} was handled before, or can't go back", err=True)
        refused += 1
    click.echo(f"{way}: {len(letter_ids) - refused} done, {refused} refused")
    if refused:
        raise click.exceptions.Exit(1)


def _found(letters: Letters, letter_id: str) -> DeadLetter:
    letter = letters.get(letter_id)
    if letter is None:
        raise click.ClickException(f"there is no dead letter at {letter_id!r}")
    return letter
