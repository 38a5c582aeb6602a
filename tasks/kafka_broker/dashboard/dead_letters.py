"""Pages of dead letters: list, look at one, put back or set aside those that are chosen."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request, url_for

from ..dead_letter_queue import DeadLetterQueue
from ..letters import Letter, LetterFilter, readable_bytes
from .site import answer, report, site

_PER_PAGE = 50
#: What one press of a button deals with, within the time that a browser waits.
_MAX_AT_ONCE = 200
_REPLAYS_PER_S = 50.0


def register(blueprint: Blueprint) -> None:
    """Add the pages."""
    blueprint.get("/dead")(choose_dead)
    blueprint.get("/dead/<path:queue>")(dead)
    blueprint.get("/dead-letter/<path:queue>/<letter_id>")(letter)
    blueprint.post("/dead/<path:queue>/replay")(replay)
    blueprint.post("/dead/<path:queue>/discard")(discard)


def _letters_of(queue: str) -> DeadLetterQueue:
    return site().broker.dead_letters(queue, timeout_s=site().timeout_s)


def choose_dead() -> str | Response:
    """Let a person choose a queue."""
    counts = [
        {"queue": lag.queue, **asdict(lag.dead_letters)}
        for lag in site().broker.lag(timeout_s=site().timeout_s)
    ]
    return answer("choose_dead.html", queues=counts)


def dead(queue: str) -> str | Response:
    """Show its dead letters."""
    wanted = _filter(request.args)
    page = _letters_of(queue).page(wanted, limit=_PER_PAGE, cursor=request.args.get("cursor"))
    return answer(
        "dead.html",
        queue=queue,
        actor=wanted.actor or "",
        error_class=wanted.error_class or "",
        include_handled=wanted.include_handled,
        letters=[_row(letter) for letter in page.letters],
        cursor=page.cursor,
        max_at_once=_MAX_AT_ONCE,
    )


def letter(queue: str, letter_id: str) -> str | Response:
    """Show one letter with all that its record holds."""
    found = _letters_of(queue).get(letter_id)
    value = found.record.value
    return answer(
        "letter.html",
        queue=queue,
        **_row(found),
        key=found.key,
        headers=found.headers,
        text=readable_bytes(value),
        hex=None if value is None else value.hex(" "),
    )


def replay(queue: str) -> str | Response:
    """Put the chosen letters back."""
    return _handle(queue, "replay")


def discard(queue: str) -> str | Response:
    """Set the chosen letters aside."""
    return _handle(queue, "discard")


def _handle(queue: str, action: str) -> str | Response:
    letters, wanted = _letters_of(queue), _chosen()
    what = f"{action.capitalize()} dead letters"
    back = url_for("task_dashboard.dead", queue=queue)
    if wanted is None:
        return report(what, back, [])
    if action == "replay":
        outcomes = letters.replay(wanted, max_count=_MAX_AT_ONCE, per_second=_REPLAYS_PER_S)
    else:
        outcomes = letters.discard(wanted, max_count=_MAX_AT_ONCE)
    done = [
        site().tell(f"dead_letter.{action}", f"{queue} {one.letter.letter_id}", one.refusal or "")
        for one in outcomes
    ]
    return report(what, back, done)


def _chosen() -> LetterFilter | None:
    """Return the letters that a form means: the ticked ones, or all that match its filter."""
    if request.form.get("all") == "yes":
        return _filter(request.form)
    ticked = frozenset(request.form.getlist("letter")[:_PER_PAGE])
    return LetterFilter(letter_ids=ticked) if ticked else None


def _filter(given: Mapping[str, str]) -> LetterFilter:
    return LetterFilter(
        actor=given.get("actor") or None,
        error_class=given.get("error_class") or None,
        include_handled=given.get("include_handled") == "yes",
    )


def _row(letter: Letter) -> dict[str, Any]:
    return {
        "letter_id": letter.letter_id,
        "died_at": letter.died_at,
        "actor": letter.actor,
        "message_id": letter.message_id,
        "replays": letter.replays,
        "error_class": letter.error_class,
        "error": letter.error,
        "original_topic": letter.original_topic,
        "is_handled": letter.is_handled,
    }
