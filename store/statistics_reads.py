"""Read the kept figures: for the dashboard's pages, its API and commands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pymongo.database import Database

from resumes.statistics import Minute, Totals
from store.connection import Document, store_errors
from store.kept_figures import MINUTES, KeptFigures, minute_of


def _now() -> datetime:
    return datetime.now(UTC)


class MongoStatistics:
    """One per web process; safe for concurrent calls."""

    def __init__(self, database: Database[Document], *, now: Callable[[], datetime] = _now) -> None:
        self._figures = KeptFigures(database)
        self._minutes = database[MINUTES]
        self._now = now

    def totals(self) -> Totals:
        """Return how many jobs there are of each kind; nothing before the first count."""
        kept = self._figures.read()
        totals = kept.totals if kept else Totals()
        failed = {code: count for code, count in totals.failed_by_code.items() if count > 0}
        return replace(totals, failed_by_code=failed)

    def minutes(self, *, last: int) -> list[Minute]:
        """Return so many minutes up to the present one, oldest first, empty ones too."""
        present = self._now().replace(second=0, microsecond=0)
        wanted = [present - timedelta(minutes=ago) for ago in reversed(range(last))]
        with store_errors():
            found = self._minutes.find({"_id": {"$gt": present - timedelta(minutes=last)}})
            kept = {document["_id"]: minute_of(document) for document in found}
        return [kept.get(at) or Minute(at) for at in wanted]
