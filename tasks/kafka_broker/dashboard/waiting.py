"""Pages of what waits: for its time, for another attempt, in a lane; to cancel or bring forward."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from ..control.decisions import Decision
from ..letter_scan import NoSuchLetterError
from ..waiting import DELAYED, NoSuchTaskError, WaitingTask, WaitingTasks
from .site import answer, operator, reason, report, site

_PER_PAGE = 50
_WORDS = {"cancel": "Cancel waiting tasks", "retry-now": "Run waiting tasks now"}


def register(blueprint: Blueprint) -> None:
    """Add the pages."""
    blueprint.get("/waiting")(choose)
    blueprint.get("/waiting/<path:queue>/<lane>")(waiting)
    blueprint.post("/waiting/<path:queue>/<lane>/cancel")(cancel)
    blueprint.post("/waiting/<path:queue>/<lane>/retry-now")(retry_now)


def choose() -> str | Response:
    """Let a person choose a queue and a lane."""
    lanes = {queue.name: [*queue.lane_topics] for queue in site().broker.queues.values()}
    return answer("choose.html", lanes=lanes, delayed=DELAYED)


def waiting(queue: str, lane: str) -> str | Response:
    """Show what waits there."""
    tasks = site().broker.waiting(queue, timeout_s=site().timeout_s)
    page = tasks.page(lane, limit=_PER_PAGE, cursor=request.args.get("cursor"))
    decisions = site().control.decisions(page.tasks)
    rows = [_row(task, decisions.get(task.copy_id)) for task in page.tasks]
    return answer("waiting.html", queue=queue, lane=lane, tasks=rows, cursor=page.cursor)


def cancel(queue: str, lane: str) -> str | Response:
    """Let the chosen tasks never run."""
    return _act(queue, lane, "cancel")


def retry_now(queue: str, lane: str) -> str | Response:
    """Let the chosen tasks run at once."""
    return _act(queue, lane, "retry-now")


def _act(queue: str, lane: str, action: str) -> str | Response:
    tasks = site().broker.waiting(queue, timeout_s=site().timeout_s)
    outcomes = []
    for chosen in request.form.getlist("task")[:_PER_PAGE]:
        place, _, copy = chosen.partition(" ")
        refusal = _decide(tasks, lane, place, copy, action)
        outcomes.append(site().tell(f"task.{action}", f"{queue} {copy}", refusal))
    back = url_for("task_dashboard.waiting", queue=queue, lane=lane)
    return report(_WORDS[action], back, outcomes)


def _decide(tasks: WaitingTasks, lane: str, place: str, copy: str, action: str) -> str:
    try:
        task = tasks.get(lane, place)
    except (NoSuchTaskError, NoSuchLetterError) as error:
        return str(error)
    if task.copy_id != copy:
        return "another task waits there by now: list them anew"
    if action == "cancel":
        return site().control.cancel(task, by=operator(), reason=reason())
    return site().control.bring_forward(tasks, task, by=operator(), reason=reason())


def _row(task: WaitingTask, decision: Decision | None) -> dict[str, Any]:
    """Say what may be shown: not what the task was given."""
    return {
        "kind": task.kind,
        "place": task.place,
        "copy_id": task.copy_id,
        "actor": task.message.actor_name,
        "message_id": task.message.message_id,
        "attempt": task.attempt,
        "due_at": task.due_at,
        "error": task.error,
        "has_lasting_id": task.has_lasting_id,
        "decision": None if decision is None else decision.kind,
        "decided_by": None if decision is None else decision.by,
    }
