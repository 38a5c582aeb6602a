"""What a dashboard reads of `RunRecorder`'s figures; every query uses an index and is bounded.

For web processes, gevent included: one object may serve them all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import DESCENDING
from pymongo.database import Database

from .journal import MINUTES, RUNS
from .tally import NAMES, Tally, added, new_tally, percentile_s

#: Of so many documents of one minute, actor and lane the figures of a page are made.
_MAX_DOCUMENTS = 20_000
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True)
class Figures:
    """How often what happened."""

    started: int
    succeeded: int
    failed: int
    retried: int
    dead: int
    skipped: int
    #: Of the successful runs; None without any.
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True)
class Run:
    """A single run."""

    at: datetime
    actor: str
    queue: str
    message_id: str
    #: succeeded, retried or dead.
    outcome: str
    attempt: int
    took_s: float
    error: str
    #: The exception's way through the code.
    stack: str
    worker: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    #: Only when the recorder was told to keep them.
    arguments: str | None = None


@dataclass(frozen=True)
class ActorFigures:
    """An actor in the time that was asked for."""

    actor: str
    queue: str
    figures: Figures
    last_error: Run | None


@dataclass(frozen=True)
class Minute:
    """One minute of an actor, all its lanes together."""

    at: datetime
    figures: Figures


class RunHistory:
    """The runs of one application's tasks."""

    def __init__(self, database: Database[Any]) -> None:
        self._minutes = database.get_collection(MINUTES, codec_options=_OPTIONS)
        self._runs = database.get_collection(RUNS, codec_options=_OPTIONS)

    def actors(self, *, minutes: int = 60) -> list[ActorFigures]:
        """Return the actors that did anything in the last `minutes`."""
        by_actor: dict[tuple[str, str], list[Tally]] = {}
        for document in self._since(minutes):
            key = (document["_id"]["actor"], document["_id"]["queue"])
            by_actor.setdefault(key, []).append(_tally(document))
        return [
            ActorFigures(actor, queue, _figures(added(tallies)), self._last_error(actor))
            for (actor, queue), tallies in sorted(by_actor.items())
        ]

    def minutes(self, actor: str, *, minutes: int = 60) -> list[Minute]:
        """Return each of the last minutes of an actor, oldest first, quiet ones included."""
        by_minute: dict[datetime, list[Tally]] = {}
        for document in self._since(minutes, actor=actor):
            by_minute.setdefault(document["at"], []).append(_tally(document))
        first = _first_minute(minutes)
        moments = [first + timedelta(minutes=number) for number in range(minutes)]
        return [Minute(at, _figures(added(by_minute.get(at, ())))) for at in moments]

    def runs(self, actor: str, *, only_failures: bool = False, limit: int = 50) -> list[Run]:
        """Return the single runs that were kept of an actor, newest first."""
        kinds = [True] if only_failures else [True, False]
        found = self._runs.find({"actor": actor, "is_failure": {"$in": kinds}})
        with found.sort("at", DESCENDING).limit(limit) as documents:
            return [_run(document) for document in documents]

    def _last_error(self, actor: str) -> Run | None:
        return next(iter(self.runs(actor, only_failures=True, limit=1)), None)

    def _since(self, minutes: int, **more: str) -> Iterable[Mapping[str, Any]]:
        wanted: dict[str, Any] = {"at": {"$gte": _first_minute(minutes)}}
        wanted |= {f"_id.{name}": value for name, value in more.items()}
        with self._minutes.find(wanted).limit(_MAX_DOCUMENTS) as documents:
            return list(documents)


def _first_minute(minutes: int) -> datetime:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now - timedelta(minutes=minutes - 1)


def _tally(document: Mapping[str, Any]) -> Tally:
    tally = new_tally()
    for place, name in enumerate(NAMES):
        tally[place] = document.get(name, 0)
    for number, count in document.get("times", {}).items():
        tally[len(NAMES) + int(number)] = count
    return tally


def _figures(tally: Sequence[int]) -> Figures:
    times = tally[len(NAMES) :]
    numbers = dict(zip(NAMES, tally, strict=False))
    return Figures(**numbers, p50_s=percentile_s(times, 0.5), p95_s=percentile_s(times, 0.95))


def _run(document: Mapping[str, Any]) -> Run:
    known = {name: value for name, value in document.items() if name not in ("_id", "is_failure")}
    return Run(**known)
