"""The change stream against a real mongod that is made to fail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest
from prometheus_client import REGISTRY
from pymongo.collection import Collection
from pymongo.database import Database

from realtime.change_stream import ChangeStream
from resumes.errors import StoreUnavailableError
from tests.eventually import eventually
from tests.integration.realtime.failures import failing

APP_NAME = "stream-under-test"


@dataclass
class Listener:
    """What the stream told; `refusals` are raised, one each, instead of taking an event."""

    seen: list[int] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)
    gaps: list[datetime] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    gap_refusals: list[Exception] = field(default_factory=list)

    def on_insert(self, document: Any) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.documents.append(document)
        self.seen.append(document["number"])

    def on_gap(self, blind_since: datetime) -> None:
        if self.gap_refusals:
            raise self.gap_refusals.pop()
        self.gaps.append(blind_since)


def new_stream(events: Collection[Any], listener: Listener) -> ChangeStream:
    return ChangeStream(
        events, on_insert=listener.on_insert, on_gap=listener.on_gap, max_await_ms=50
    )


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def events(mongo_uri: str, database: Database[dict[str, Any]]) -> Iterator[Collection[Any]]:
    """The collection by a client of its own, so that failures can be aimed at the stream."""
    with pymongo.MongoClient[dict[str, Any]](
        mongo_uri, appname=APP_NAME, timeoutMS=10_000
    ) as client:
        yield client[database.name].job_events


@pytest.fixture
def stream(events: Collection[Any], listener: Listener) -> Iterator[ChangeStream]:
    """A running stream whose first gap, the time before its start, is behind it."""
    stream = new_stream(events, listener)
    stream.start()
    eventually(lambda: stream.age_s() < 5)
    listener.gaps.clear()
    yield stream
    stream.stop()
    stream.join()


@pytest.fixture
def insert(database: Database[dict[str, Any]]) -> Callable[..., None]:
    """Append events, by a client that is not made to fail."""

    def insert(*numbers: int) -> None:
        events = [{"number": number, "from": None, "to": "pending"} for number in numbers]
        database.job_events.insert_many(events)

    return insert


@pytest.mark.usefixtures("stream")
def test_inserts_arrive_in_order(insert: Callable[..., None], listener: Listener) -> None:
    insert(*range(50))
    insert(50)
    eventually(lambda: listener.seen == list(range(51)))
    assert listener.gaps == []


@pytest.mark.usefixtures("stream")
def test_only_inserts_are_events(
    database: Database[Any], insert: Callable[..., None], listener: Listener
) -> None:
    insert(1)
    database.job_events.update_one({"number": 1}, {"$set": {"number": 7}})
    database.job_events.delete_one({"number": 7})
    insert(2)
    eventually(lambda: listener.seen == [1, 2])


@pytest.mark.usefixtures("stream")
def test_what_changes_nothing_for_the_user_and_what_is_not_his_does_not_come(
    database: Database[Any], insert: Callable[..., None], listener: Listener
) -> None:
    """A discard is a transition from failed to failed; a trace is the operators' alone."""
    failed = {"number": 1, "from": "processing", "to": "failed", "trace": "x" * 4_000}
    discarded = {"number": 2, "from": "failed", "to": "failed", "reason": "discarded"}
    database.job_events.insert_many([failed, discarded])
    insert(3)
    eventually(lambda: listener.seen == [1, 3])
    assert "trace" not in listener.documents[0]
    assert listener.documents[0]["to"] == "failed"


def test_who_was_there_before_the_first_stream_is_resynced(
    events: Collection[Any], listener: Listener, insert: Callable[..., None]
) -> None:
    """A client may have had its snapshot before the stream was open."""
    before = datetime.now(UTC)
    stream = new_stream(events, listener)
    insert(1)
    stream.start()
    eventually(lambda: listener.gaps)
    stream.stop()
    stream.join()
    assert before <= listener.gaps[0] <= datetime.now(UTC)


@pytest.mark.usefixtures("stream")
def test_a_killed_cursor_is_resumed_by_token(
    database: Database[Any], insert: Callable[..., None], listener: Listener
) -> None:
    insert(1)
    eventually(lambda: listener.seen == [1])
    _kill_cursors(database)
    insert(2)
    eventually(lambda: listener.seen == [1, 2])
    assert listener.gaps == []


@pytest.mark.parametrize(
    "failure",
    [{"closeConnection": True}, {"errorCode": 43}, {"errorCode": 189}],
    ids=["connection cut", "CursorNotFound", "PrimarySteppedDown"],
)
def test_what_happened_while_mongodb_was_away_is_not_missed(
    stream: ChangeStream,
    database: Database[Any],
    insert: Callable[..., None],
    listener: Listener,
    failure: dict[str, Any],
) -> None:
    insert(1)
    eventually(lambda: listener.seen == [1])
    with failing(database.client, APP_NAME, ["getMore", "aggregate"], **failure):
        eventually(lambda: stream.age_s() > 0.5)
        insert(2, 3)
    eventually(lambda: listener.seen == [1, 2, 3], within_s=30)
    assert listener.gaps == []


@pytest.mark.parametrize("code", [280, 286, 13])
def test_a_lost_history_becomes_a_resync_and_the_stream_goes_on(
    stream: ChangeStream,
    database: Database[Any],
    insert: Callable[..., None],
    listener: Listener,
    code: int,
) -> None:
    """ChangeStreamFatalError, ChangeStreamHistoryLost, and an error nobody thought of."""
    alive_at = datetime.now(UTC)
    insert(1)
    eventually(lambda: listener.seen == [1])
    with failing(database.client, APP_NAME, ["getMore"], times=1, errorCode=code):
        eventually(lambda: listener.gaps)
    insert(2)
    eventually(lambda: listener.seen[-1] == 2)
    assert len(listener.gaps) == 1
    assert alive_at <= listener.gaps[0] <= datetime.now(UTC)
    eventually(lambda: stream.age_s() < 5)


@pytest.mark.usefixtures("stream")
def test_a_dropped_collection_becomes_a_resync(
    database: Database[Any], insert: Callable[..., None], listener: Listener
) -> None:
    insert(1)
    eventually(lambda: listener.seen == [1])
    database.job_events.drop()
    eventually(lambda: listener.gaps)
    insert(2)
    eventually(lambda: listener.seen == [1, 2])


@pytest.mark.usefixtures("stream")
def test_an_event_the_store_could_not_complete_comes_again(
    insert: Callable[..., None], listener: Listener
) -> None:
    listener.refusals.append(StoreUnavailableError())
    insert(1, 2)
    eventually(lambda: listener.seen == [1, 2])
    assert listener.gaps == []


@pytest.mark.usefixtures("stream")
def test_an_event_nobody_understands_is_not_read_for_ever(
    insert: Callable[..., None], listener: Listener
) -> None:
    listener.refusals.append(KeyError("user_id"))
    insert(1)
    eventually(lambda: listener.gaps)
    insert(2)
    eventually(lambda: listener.seen == [2])


@pytest.mark.usefixtures("stream")
def test_a_resync_that_failed_is_made_again(
    database: Database[Any], insert: Callable[..., None], listener: Listener
) -> None:
    insert(1)
    eventually(lambda: listener.seen == [1])
    listener.gap_refusals += [StoreUnavailableError(), StoreUnavailableError()]
    with failing(database.client, APP_NAME, ["getMore"], times=1, errorCode=286):
        eventually(lambda: listener.gaps)
    assert listener.gap_refusals == []


def test_a_stream_that_can_t_be_opened_grows_old(
    stream: ChangeStream, database: Database[Any], listener: Listener
) -> None:
    listener.seen.clear()
    losses = _losses()
    with failing(database.client, APP_NAME, ["getMore", "aggregate"], errorCode=286):
        # Old alone is a slow machine's stream, too.
        eventually(lambda: stream.age_s() > 0.5 and _losses() > losses)
    eventually(lambda: stream.age_s() < 0.5)
    assert len(listener.gaps) == 1


def test_a_stream_that_was_not_started_is_not_young(
    events: Collection[Any], listener: Listener
) -> None:
    stream = new_stream(events, listener)
    assert stream.age_s() == float("inf")


def test_starting_twice_is_starting_once(
    stream: ChangeStream, insert: Callable[..., None], listener: Listener
) -> None:
    stream.start()
    insert(1, 2)
    eventually(lambda: listener.seen == [1, 2])


def _losses() -> float:
    return REGISTRY.get_sample_value("change_stream_reconnects_total") or 0


def _kill_cursors(database: Database[Any]) -> None:
    def kill() -> bool:
        current: list[dict[str, Any]] = [
            {"$currentOp": {"idleCursors": True}},
            {"$match": {"appName": APP_NAME}},
        ]
        for operation in database.client.admin.aggregate(current):
            cursor = operation.get("cursor")
            if cursor and operation["ns"] == f"{database.name}.job_events":
                killed = database.command("killCursors", "job_events", cursors=[cursor["cursorId"]])
                return bool(killed["cursorsKilled"])
        return False

    eventually(kill)
