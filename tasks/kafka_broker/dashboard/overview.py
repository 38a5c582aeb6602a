"""Pages of what is: actors, queues with their lanes, what runs, schedules; and a lane's pause."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request, url_for

from ..control import Lane
from ..inspect_queues import QueueLag
from .site import answer, operator, reason, report, site

_MINUTES = 60


def register(blueprint: Blueprint) -> None:
    """Add the pages."""
    blueprint.get("/")(actors)
    blueprint.get("/actors/<path:name>")(actor)
    blueprint.get("/queues")(queues)
    blueprint.post("/queues/<path:queue>/lanes/<lane>/pause")(pause)
    blueprint.post("/queues/<path:queue>/lanes/<lane>/unpause")(unpause)
    blueprint.get("/running")(running)
    blueprint.get("/periodic")(periodic)


def actors() -> str | Response:
    """Show what each actor did lately."""
    found = site().history.actors(minutes=_MINUTES)
    rows = [
        {
            "actor": one.actor,
            "queue": one.queue,
            **asdict(one.figures),
            "last_error": None if one.last_error is None else asdict(one.last_error),
        }
        for one in found
    ]
    return answer("actors.html", actors=rows, minutes=_MINUTES)


def actor(name: str) -> str | Response:
    """Show one actor by minute, and single runs of it."""
    only_failures = request.args.get("only") == "failures"
    minutes = site().history.minutes(name, minutes=_MINUTES)
    return answer(
        "actor.html",
        actor=name,
        only_failures=only_failures,
        minutes=[{"at": one.at, **asdict(one.figures)} for one in reversed(minutes)],
        runs=[asdict(run) for run in site().history.runs(name, only_failures=only_failures)],
    )


def queues() -> str | Response:
    """Show what is left in each queue, by lane and partition."""
    lanes: dict[str, list[Lane]] = {}
    for lane in site().control.lanes():
        lanes.setdefault(lane.queue, []).append(lane)
    lags = site().broker.lag(timeout_s=site().timeout_s)
    return answer("queues.html", queues=[_queue(lag, lanes[lag.queue]) for lag in lags])


def pause(queue: str, lane: str) -> str | Response:
    """Pause a lane for all workers."""
    return _change(queue, lane, "pause")


def unpause(queue: str, lane: str) -> str | Response:
    """Let all workers go on with a lane."""
    return _change(queue, lane, "unpause")


def _change(queue: str, lane: str, change: str) -> str | Response:
    act = site().control.pause if change == "pause" else site().control.unpause
    refusal = act(queue, lane, by=operator(), reason=reason())
    done = site().tell(f"lane.{change}", f"{queue}/{lane}", refusal)
    return report(f"{change.capitalize()} a lane", url_for("task_dashboard.queues"), [done])


def running() -> str | Response:
    """Show the workers that are alive and what each runs."""
    reports = site().broker.workers(timeout_s=site().timeout_s)
    workers = [{**asdict(one.state), "age_s": one.age_s} for one in reports]
    return answer("running.html", workers=workers)


def periodic() -> str | Response:
    """Show the schedules."""
    schedules = site().periodic
    rows = None if schedules is None else [asdict(one) for one in schedules.overview()]
    return answer("periodic.html", schedules=rows)


def _queue(lag: QueueLag, lanes: list[Lane]) -> dict[str, Any]:
    waiting = site().broker.waiting(lag.queue, timeout_s=site().timeout_s)
    return {
        "queue": lag.queue,
        "unfinished": lag.unfinished,
        "delayed": waiting.count_delayed(),
        "dead_letters": asdict(lag.dead_letters),
        "lanes": [
            {
                **asdict(lane),
                "partitions": [
                    {"partition": one.partition, "unfinished": one.unfinished, "end": one.end}
                    for one in lag.partitions
                    if one.topic == lane.topic
                ],
            }
            for lane in lanes
        ],
    }
