"""A job's event as the text that goes over the wire. Pure.

Encoded once per event, shared by all connections of the user.
"""

import json
from dataclasses import dataclass

from resumes.events import JobEvent


@dataclass(frozen=True)
class Frame:
    """One WebSocket message; `rev` says where it stands in its job's history."""

    job_id: str
    rev: int
    text: str


def frame_of(event: JobEvent) -> Frame:
    """Return the event's frame."""
    return Frame(event.job_id, event.rev, json.dumps(event.message(), ensure_ascii=False))
