"""What can be said to the commands of `dlq`, and which letters are meant by it."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..letters import LetterFilter
from .site import Site, UsageError, above_zero, add_site_arguments

Run = Callable[[argparse.Namespace, Site], int]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_ls(commands: Any, run: Run) -> None:
    """List letters."""
    parser = _command(commands, "ls", run, "list letters that nobody dealt with, oldest first")
    _add_filters(parser)
    parser.add_argument("--limit", type=_count, default=50, help="for each queue; default: 50")
    parser.add_argument("--cursor", metavar="PLACE", help="where the last page ended")


def add_show(commands: Any, run: Run) -> None:
    """Show one letter."""
    parser = _command(commands, "show", run, "show one letter whole")
    parser.add_argument("place", help="partition:offset, as `ls` prints it")
    parser.add_argument("--queue", help="needed when there are several")


def add_replay(commands: Any, run: Run) -> None:
    """Put letters back."""
    parser = _command(commands, "replay", run, "put letters back where they died")
    _add_selection(parser)
    parser.add_argument(
        "--rate", type=above_zero, default=100.0, metavar="N", help="a second; default: 100"
    )
    parser.add_argument(
        "--max-replays",
        type=_count,
        default=3,
        metavar="N",
        help="refuse a letter that was replayed so often; default: 3",
    )


def add_discard(commands: Any, run: Run) -> None:
    """Set letters aside."""
    _add_selection(_command(commands, "discard", run, "set letters aside without a replay"))


def read_filter(arguments: argparse.Namespace) -> LetterFilter:
    """Say which letters are meant; UsageError for a header without a value."""
    headers = [text.partition("=") for text in arguments.header]
    if any(not equals for _, equals, _ in headers):
        raise UsageError("--header is NAME=VALUE")
    return LetterFilter(
        letter_ids=frozenset(getattr(arguments, "place", ())),
        queue=arguments.queue,
        actor=arguments.actor,
        error_class=arguments.error,
        message_id=arguments.message_id,
        key=arguments.key,
        headers={name: value for name, _, value in headers},
        since=arguments.since,
        until=arguments.until,
        include_handled=arguments.handled,
    )


def _command(commands: Any, name: str, run: Run, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    add_site_arguments(parser)
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", nargs="*", help="partition:offset, as `ls` prints it")
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="every letter, of every queue")
    parser.add_argument("--max-count", type=_count, metavar="N", help="stop after so many")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which letters (all conditions must hold)")
    group.add_argument("--queue", help="the queue's name")
    group.add_argument("--actor", help="the task's name")
    group.add_argument("--error", metavar="CLASS", help="with or without its module")
    group.add_argument("--message-id", metavar="ID")
    group.add_argument("--key")
    group.add_argument("--header", metavar="NAME=VALUE", action="append", default=[])
    group.add_argument("--since", type=_time, metavar="TIME", help="ISO 8601, or ago: 15m, 6h, 2d")
    group.add_argument("--until", type=_time, metavar="TIME", help="as --since")
    group.add_argument("--handled", action="store_true", help="replayed and discarded ones as well")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def _time(text: str) -> datetime:
    """Read a time (UTC unless it says otherwise), or how long ago one was."""
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isdecimal():
            return datetime.now(UTC) - timedelta(**{_UNITS[unit]: int(number)})
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text} is no time such as 2030-01-02T03:04, nor 15m, 6h or 2d"
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
