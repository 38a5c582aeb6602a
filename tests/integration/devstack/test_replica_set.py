"""Three mongods lose their primary in three ways: what a majority acknowledged is still there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.write_concern import WriteConcern

from tests.eventually import eventually
from tests.services.replica_set import ReplicaSet
from tests.services.servers import reported

MAJORITY = WriteConcern("majority", j=True)


@pytest.fixture
def replica_set(tmp_path: Path) -> Iterator[ReplicaSet]:
    replica_set = ReplicaSet(tmp_path)
    replica_set.start()
    reported.append(replica_set)
    yield replica_set
    reported.remove(replica_set)
    replica_set.stop()


@pytest.mark.timeout(240)  # nine starts and elections
def test_an_acknowledged_write_survives_a_crash_a_step_down_and_a_pause(
    replica_set: ReplicaSet,
) -> None:
    killed = replica_set.primary()
    write(replica_set, "before the crash")
    replica_set.kill(killed)
    assert replica_set.primary() != killed
    write(replica_set, "after it")
    replica_set.restart(killed)

    stepped_down = replica_set.primary()
    replica_set.step_down()
    eventually(lambda: replica_set.primary() != stepped_down)
    write(replica_set, "after the step-down")

    paused = replica_set.primary()
    replica_set.pause(paused)
    assert replica_set.primary() != paused
    replica_set.resume_(paused)
    # It believes in itself for a moment, and the other may not answer just then.
    eventually(lambda: replica_set.primary() != paused)
    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        assert [thing["_id"] for thing in client.test.things.find().sort("n")] == [
            "before the crash",
            "after it",
            "after the step-down",
        ]


def write(replica_set: ReplicaSet, name: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        things = client.test.things.with_options(write_concern=MAJORITY)
        things.insert_one({"_id": name, "n": things.count_documents({})})
