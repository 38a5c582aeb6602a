"""What happened in one scenario, as seen from outside: the checker's only input.

`History` is what the load's threads write while the fault is on; `Evidence` is that and what the
servers hold once everything has settled. Times are POSIX seconds; this machine's clock is the only
one, but for processes that a scenario gives another, whose times nothing here relies on.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

#: The statuses after which nothing may follow.
TERMINAL = frozenset({"completed", "failed"})


class Outcome(StrEnum):
    """What a client knows of an upload after it."""

    ACCEPTED = "accepted"
    #: Answered, and the answer says that nothing is under way.
    REFUSED = "refused"
    #: Cut, timed out or answered with "I don't know": it may have happened (Jepsen's `info`).
    INFO = "info"


@dataclass(frozen=True)
class Op:
    """One upload as its client saw it, from `t0` to `t1`."""

    user_id: str
    file_name: str
    t0: float
    t1: float
    outcome: Outcome
    #: The answer's `code`, or what befell the connection.
    code: str = ""
    job_id: str = ""


@dataclass(frozen=True)
class Frame:
    """One status that a WebSocket was told."""

    user_id: str
    t: float
    job_id: str
    status: str
    #: True for those of the last connection, which was made when all had settled.
    is_last_look: bool = False


@dataclass(frozen=True)
class Commit:
    """The group's position in one partition, as known at `t`."""

    t: float
    partition: int
    next_offset: int


@dataclass(frozen=True)
class LogRecord:
    """One record of the main topic; `job_id` is its key."""

    partition: int
    offset: int
    job_id: str


@dataclass(frozen=True)
class Usage:
    """What one of the service's processes needed when all had settled."""

    name: str
    rss_mib: float
    descriptors: int


@dataclass
class History:
    """What the load's threads have seen so far; each appends, nobody else writes."""

    ops: list[Op] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, since: float = 0, outcome: Outcome | None = None) -> int:
        """Count the uploads that ended after `since`, of one outcome or all."""
        with self._lock:
            ops = list(self.ops)
        return sum(op.t1 >= since and outcome in {None, op.outcome} for op in ops)

    def add(self, op: Op) -> None:
        """Note an upload."""
        with self._lock:
            self.ops.append(op)

    def dump(self, path: Path) -> None:
        """Write all of it as JSON lines, for whoever looks into a broken scenario."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            for kind in ("ops", "frames", "commits"):
                for entry in getattr(self, kind):
                    file.write(json.dumps({"kind": kind, **asdict(entry)}) + "\n")


Document = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """All that is known of one scenario."""

    ops: Sequence[Op]
    frames: Sequence[Frame] = ()
    commits: Sequence[Commit] = ()
    records: Sequence[LogRecord] = ()
    #: The keys of the dead letters, and of those that are of no job: "" or what the record had.
    letters: Sequence[str] = ()
    jobs: Sequence[Document] = ()
    events: Sequence[Document] = ()
    #: The ids of each user's resumes.
    resumes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: The jobs whose bytes are stored.
    files: frozenset[str] = frozenset()
    #: The SHA-256 of each file by its name: as sent, and as the parser got it.
    sent: Mapping[str, str] = field(default_factory=dict)
    parsed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: How often the parser gave each file a final answer.
    answers: Mapping[str, int] = field(default_factory=Counter)
    #: Operators' operations, and what they report of each job.
    operations: Sequence[Document] = ()
    operation_items: Sequence[Document] = ()
    lag: int = 0
    usage: Sequence[Usage] = ()
    #: Users who held a WebSocket.
    listeners: frozenset[str] = frozenset()
    fault_ended_at: float = 0.0

    @cached_property
    def replays(self) -> Counter[str]:
        """How often each job was replayed: it may go on after it had failed so often."""
        return Counter(str(e["job_id"]) for e in self.events if e.get("reason") == "replayed")

    @cached_property
    def ended_at(self) -> Mapping[str, float]:
        """When each job that is over ended.

        By the earlier of two clocks: the event's is of the process that made it, the document's is
        the database's, but moves on when the dead letter is noted there.
        """
        by_database = {str(job["_id"]): job["updated_at"].timestamp() for job in self.jobs}
        return {
            job_id: min(event["at"].timestamp(), by_database.get(job_id, inf))
            for event in self.events
            if event["to"] in TERMINAL and (job_id := str(event["job_id"]))
        }
