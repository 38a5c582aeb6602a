"""What the WebSockets were told: all that concerns their user (I6), and nothing else (I7)."""

import itertools
from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.history import TERMINAL, Evidence, Frame


def stale(evidence: Evidence) -> Iterator[str]:
    """Yield each job of a watched user whose socket was last told something else than is so.

    Both the socket that he had all along and the one that he opened at the end; and nobody may
    hear of a job that goes on after it has ended.
    """
    live, last_look = _told(evidence, is_last_look=False), _told(evidence, is_last_look=True)
    for job in evidence.jobs:
        job_id, user_id = str(job["_id"]), str(job["user_id"])
        if user_id not in evidence.listeners:
            continue
        for place, told in (("his socket", live[job_id]), ("a new socket", last_look[job_id])):
            last = told[-1].status if told else "nothing"
            if last != job["status"]:
                yield f"{place} told user {user_id} {last}, job {job_id} is {job['status']}"
        yield from _went_on(job_id, live[job_id], evidence.replays[job_id])


def foreign(evidence: Evidence) -> Iterator[str]:
    """Yield each frame of somebody else's job."""
    owner = {str(job["_id"]): str(job["user_id"]) for job in evidence.jobs}
    for frame in evidence.frames:
        if owner.get(frame.job_id) != frame.user_id:
            yield f"user {frame.user_id} was told of job {frame.job_id}, which is not his"


def _told(evidence: Evidence, *, is_last_look: bool) -> defaultdict[str, list[Frame]]:
    told: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in evidence.frames:
        if frame.is_last_look == is_last_look:
            told[frame.job_id].append(frame)
    return told


def _went_on(job_id: str, frames: list[Frame], replays: int) -> Iterator[str]:
    statuses = [frame.status for frame in frames]
    for before, after in itertools.pairwise(statuses):
        if before in TERMINAL and after != before:
            if before == "failed" and replays:
                replays -= 1
                continue
            yield f"job {job_id} was told {before} and then {after}"
