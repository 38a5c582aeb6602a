"""/dashboard/letters: records that were given up; by default those that belong to no job.

A job's own dead letter is handled with the job (replay, discard there); what is left are records
that nobody could read or match, and here is the only place where a person can see them.
"""

import unicodedata
from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response as AnyResponse

from resumes.operating import Operator, Role
from webapp.dashboard.ports import Ports
from webapp.dashboard.queue_ports import DeadLetter

_PAGE_SIZE = 50
#: The raw views show no more: hex is five times the bytes.
_SHOWN_BYTES = 16 * 1024


def add_letters(blueprint: Blueprint, ports: Ports) -> None:
    """Add the list, the record's page and what can be done with it."""

    @blueprint.get("/letters")
    def letters() -> str:
        unjobbed_only = request.args.get("all") != "1"
        cursor = request.args.get("cursor")
        page, next_cursor = ports.letters.page(cursor, _PAGE_SIZE, unjobbed_only=unjobbed_only)
        return render_template(
            "dashboard/letters.html",
            letters=page,
            unjobbed_only=unjobbed_only,
            cursor=cursor,
            next_cursor=next_cursor,
            counts=ports.queue_state.dead_letters(),
        )

    @blueprint.get("/letters/<letter_id>")
    def letter(letter_id: str) -> str:
        return render_template(
            "dashboard/letter.html",
            letter=(found := _found(ports, letter_id)),
            job_id=ports.letters.job_of(found),
            shown_bytes=_SHOWN_BYTES,
            readable=readable,
            outcome=request.args.get("outcome", ""),
        )

    @blueprint.post("/letters/<letter_id>")
    def handle_letter(letter_id: str) -> AnyResponse:
        operator = ports.guard.require(Role.OPERATOR)
        if ports.letters.job_of(_found(ports, letter_id)):
            raise BadRequest("The record belongs to a job: replay or discard that.")
        outcome = _handle(ports, operator, letter_id, request.form.get("way", ""))
        return redirect(url_for(".letter", letter_id=letter_id, outcome=outcome), 303)


def _handle(ports: Ports, operator: Operator, letter_id: str, way: str) -> str:
    """Do it, note it, and return what came of it."""
    ways: dict[str, Callable[[str], bool]] = {
        "replay": ports.letters.replay,
        "discard": ports.letters.discard,
    }
    if way not in ways:
        raise BadRequest("Choose what to do with the record: replay or discard.")
    if not ways[way](letter_id):
        return "nothing"
    reason = request.form.get("reason", "").strip()
    ports.audit.note(operator.name, f"letter.{way}", letter_id, reason)
    return way


def _found(ports: Ports, letter_id: str) -> DeadLetter:
    letter = ports.letters.get(letter_id)
    if letter is None:
        raise NotFound("There is no such dead letter. Kafka may have removed it by now.")
    return letter


def readable(data: bytes | None) -> str:
    """Return bytes as text, what is none of it replaced, and a dot for what has no shape."""
    text = (data or b"").decode("utf-8", errors="replace")
    return "".join("·" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
