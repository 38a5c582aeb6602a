"""From documents to connections: who hears, and what is asked of the store."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from realtime.fan_out import FanOut
from realtime.frames import Frame
from realtime.hub import Hub
from resumes.errors import StoreUnavailableError
from resumes.events import JobEvent
from resumes.job import JobStatus


class Jobs:
    """A store in which each user has one finished job; it remembers what it was asked."""

    def __init__(self, error_for: Mapping[str, Exception] | None = None) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self._error_for = error_for or {}

    def event_from_document(self, document: Mapping[str, Any]) -> JobEvent:
        return self._event(document["user_id"])

    def snapshot(self, user_id: str, since: str | None) -> list[JobEvent]:
        self.asked.append((user_id, since))
        return [self._event(user_id)]

    def _event(self, user_id: str) -> JobEvent:
        if user_id in self._error_for:
            raise self._error_for[user_id]
        return JobEvent("e", f"job of {user_id}", user_id, JobStatus.COMPLETED, 3)


class Ear:
    """A connection."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def offer(self, frame: Frame) -> bool:
        self.heard.append(frame.job_id)
        return True

    def close(self, code: int, reason: str) -> None:
        """Never asked for here."""


@pytest.fixture
def hub() -> Hub:
    return Hub(max_connections=9, max_connections_per_user=9)


def document(user_id: str) -> dict[str, Any]:
    return {"_id": ObjectId(), "job_id": ObjectId(), "user_id": user_id}


def test_an_event_goes_to_its_user_only(hub: Hub) -> None:
    ann, bo = Ear(), Ear()
    hub.add("ann", ann)
    hub.add("bo", bo)
    FanOut(hub, Jobs()).deliver(document("ann"))
    assert ann.heard == ["job of ann"]
    assert bo.heard == []


def test_the_store_is_not_asked_for_who_is_not_here(hub: Hub) -> None:
    FanOut(hub, Jobs({"ann": StoreUnavailableError()})).deliver(document("ann"))


def test_an_unavailable_store_is_the_stream_s_to_handle(hub: Hub) -> None:
    hub.add("ann", Ear())
    with pytest.raises(StoreUnavailableError):
        FanOut(hub, Jobs({"ann": StoreUnavailableError()})).deliver(document("ann"))


@pytest.mark.parametrize("error", [KeyError("rev"), ValueError("status"), TypeError("None")])
def test_a_malformed_document_is_passed_over(hub: Hub, error: Exception) -> None:
    hub.add("ann", Ear())
    fan_out = FanOut(hub, Jobs({"ann": error}))
    fan_out.deliver(document("ann"))
    fan_out.deliver({})


def test_a_resync_tells_all_who_are_here_what_they_may_have_missed(hub: Hub) -> None:
    ears = {user_id: Ear() for user_id in ["ann", "bo", "cy"]}
    for user_id, ear in ears.items():
        hub.add(user_id, ear)
    jobs = Jobs({"bo": KeyError("a defect in one user's data")})
    blind_since = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    FanOut(hub, jobs).resync(blind_since)
    assert [ear.heard for ear in ears.values()] == [["job of ann"], [], ["job of cy"]]
    sinces = [ObjectId(since).generation_time for _, since in jobs.asked]
    # Earlier than the gap, as the clocks of those who write events differ.
    assert sinces == [datetime(2026, 1, 1, 11, 59, tzinfo=UTC)] * 3
