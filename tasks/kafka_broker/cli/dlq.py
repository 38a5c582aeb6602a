"""The commands of `dlq`: list, show, replay and discard dead letters."""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..dead_letter_queue import DeadLetterQueue, Outcome, dead_letter_queues
from ..letters import Letter, LetterFilter, readable_bytes
from .dlq_arguments import (
    add_discard,
    add_ls,
    add_replay,
    add_show,
    read_filter,
)
from .output import (
    print_error,
    print_facts,
    print_json,
    print_line,
    print_table,
    printable,
    short_time,
)
from .site import Site, UsageError


def add_dlq(commands: Any) -> None:
    """Add the commands to the parser."""
    dlq = commands.add_parser("dlq", help="dead letters").add_subparsers(required=True)
    add_ls(dlq, _ls)
    add_show(dlq, _show)
    add_replay(dlq, _replay)
    add_discard(dlq, _discard)


def _ls(arguments: argparse.Namespace, site: Site) -> int:
    wanted = read_filter(arguments)
    limit, cursor = arguments.limit, arguments.cursor
    pages = [
        (queue, queue.page(_for(queue, wanted), limit=limit, cursor=cursor))
        for queue in _queues(arguments, site, needs_one=cursor is not None)
    ]
    if arguments.json:
        print_json(
            [
                {
                    "topic": queue.topic,
                    "cursor": page.cursor,
                    "letters": [_as_json(letter) for letter in page.letters],
                }
                for queue, page in pages
            ]
        )
        return 0
    rows = [_row(letter, queue) for queue, page in pages for letter in page.letters]
    columns = ("QUEUE", "PLACE", "DIED", "ACTOR", "MESSAGE ID", "REPLAYS", "ERROR")
    print_table(columns, rows)
    for queue, page in pages:
        if page.cursor:
            name = queue.queue_names[0]
            print_line(f"more of {name}: dlq ls --queue {name} --cursor {page.cursor}")
    return 0


def _row(letter: Letter, queue: DeadLetterQueue) -> tuple[object, ...]:
    kind = letter.error_class.rpartition(".")[2]
    return (
        letter.queue or ",".join(queue.queue_names),
        letter.letter_id,
        short_time(letter.died_at),
        letter.actor,
        letter.message_id,
        letter.replays,
        f"{kind}: {letter.error}" + " (handled)" * letter.is_handled,
    )


def _show(arguments: argparse.Namespace, site: Site) -> int:
    (queue,) = _queues(arguments, site, needs_one=True)
    letter = queue.get(arguments.place)
    if arguments.json:
        print_json(_as_json(letter))
        return 0
    facts = {
        "place": f"{queue.topic} {letter.letter_id}",
        "queue": letter.queue,
        "died": short_time(letter.died_at),
        "handled": "yes" if letter.is_handled else "no",
        "key": letter.key,
    }
    print_facts(facts)
    print_line("\nheaders")
    print_facts({f"  {name}": value for name, value in letter.headers.items()})
    print_line("\nvalue")
    print_line(printable(readable_bytes(letter.record.value) or "-"))
    return 0


def _replay(arguments: argparse.Namespace, site: Site) -> int:
    def replay(queue: DeadLetterQueue, wanted: LetterFilter, left: int | None) -> Iterable[Outcome]:
        return queue.replay(
            wanted,
            max_count=left,
            per_second=arguments.rate,
            max_replays=arguments.max_replays,
            dry_run=arguments.dry_run,
        )

    return _handle(arguments, site, replay, "replayed")


def _discard(arguments: argparse.Namespace, site: Site) -> int:
    def discard(
        queue: DeadLetterQueue, wanted: LetterFilter, left: int | None
    ) -> Iterable[Outcome]:
        return queue.discard(wanted, max_count=left, dry_run=arguments.dry_run)

    return _handle(arguments, site, discard, "discarded")


def _handle(arguments: argparse.Namespace, site: Site, handle: Any, done: str) -> int:
    wanted = read_filter(arguments)
    # `--handled` widens what is meant: by itself it is no filter.
    if replace(wanted, include_handled=False) == LetterFilter() and not arguments.all:
        raise UsageError("which letters? Name places or a filter, or say --all")
    count, refused = 0, []
    for queue in _queues(arguments, site, needs_one=bool(arguments.place)):
        left = None if arguments.max_count is None else arguments.max_count - count
        for outcome in handle(queue, _for(queue, wanted), left):
            if outcome.refusal is None:
                count += 1
                continue
            place = f"{queue.topic} {outcome.letter.letter_id}"
            print_error(f"{place} was not {done}: {outcome.refusal}")
            refused.append({"letter": place, "reason": outcome.refusal})
    if arguments.json:
        print_json({done: count, "dry_run": arguments.dry_run, "refused": refused})
    else:
        verb = f"would be {done}" if arguments.dry_run else done
        print_line(f"{count} {verb}, {len(refused)} refused")
    return 1 if refused else 0


def _queues(arguments: argparse.Namespace, site: Site, *, needs_one: bool) -> list[DeadLetterQueue]:
    queues = dead_letter_queues(
        site.clients, site.queues(arguments.queue), timeout_s=site.timeout_s
    )
    if needs_one and len(queues) != 1:
        names = ", ".join(name for queue in queues for name in queue.queue_names) or "none"
        raise UsageError(f"a place needs its queue: say --queue and one of: {names}")
    return queues


def _for(queue: DeadLetterQueue, wanted: LetterFilter) -> LetterFilter:
    # A topic of one queue alone may hold letters whose headers name no queue.
    return wanted if len(queue.queue_names) > 1 else replace(wanted, queue=None)


def _as_json(letter: Letter) -> dict[str, object]:
    return {
        "place": letter.letter_id,
        "queue": letter.queue,
        "died_at": letter.died_at.isoformat(),
        "is_handled": letter.is_handled,
        "replays": letter.replays,
        "key": letter.key,
        "headers": letter.headers,
        "value": readable_bytes(letter.record.value),
    }
