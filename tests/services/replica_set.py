"""A MongoDB replica set of several mongods, which elects a new primary within seconds.

Used from the main thread, as any `ServerGroup`; the questions may come from any.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from devstack import ports
from devstack.mongod import REPLICA_SET, Mongod
from tests.eventually import eventually
from tests.services.server_group import ServerGroup

_ELECTED_WITHIN_S = 30
_SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
# How long a primary that has stepped down stands back, and how long it lets the others catch up.
_STANDS_BACK_S = 10
_CATCH_UP_S = 5


class _Member(Mongod):
    # A secondary that is asked to stop would serve its clients on for 15 s.
    more_flags = ("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100")

    def _configure(self, admin: Any) -> None:
        """Leave it to the set, which configures all of them."""

    def _is_ready(self, hello: dict[str, Any]) -> bool:
        return bool(hello["isWritablePrimary"] or hello["secondary"] or _is_new(hello))


class ReplicaSet(ServerGroup[_Member]):
    """`members` mongods with their data in `folder`, each with a vote."""

    def __init__(self, folder: Path, *, members: int = 3) -> None:
        servers = [
            _Member(folder / f"member-{index}", ports.free_port()) for index in range(members)
        ]
        super().__init__("the replica set", servers)

    @property
    def uri(self) -> str:
        """The connection string for clients."""
        hosts = ",".join(member.address for member in self.servers)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    def primary(self) -> int:
        """Return the index of the primary; wait for the end of an election."""
        return eventually(
            self._primaries, within_s=_ELECTED_WITHIN_S, why="the replica set has a primary"
        )[0]

    def step_down(self) -> None:
        """Make the primary hand over in order; it can't be elected again for some seconds."""
        with self._admin(self.primary()) as admin:
            admin.command("replSetStepDown", _STANDS_BACK_S, secondaryCatchUpPeriodSecs=_CATCH_UP_S)

    def _join(self) -> None:
        with self._admin(0) as admin:
            if _is_new(admin.command("hello")):
                members = [
                    {"_id": index, "host": member.address}
                    for index, member in enumerate(self.servers)
                ]
                config = {"_id": REPLICA_SET, "members": members, "settings": _SETTINGS}
                admin.command("replSetInitiate", config)
        eventually(
            self._is_complete,
            within_s=_ELECTED_WITHIN_S,
            why="there is a primary, and the others are secondaries",
        )

    def _is_complete(self) -> bool:
        answers = [self._hello(index) for index in range(len(self.servers))]
        secondaries = sum(bool(hello.get("secondary")) for hello in answers)
        return bool(self._primaries()) and secondaries == len(answers) - 1

    def _primaries(self) -> list[int]:
        """Return those who say they are primary, the last elected first.

        A primary that was paused believes in itself for a moment after it goes on.
        """
        answers = {index: self._hello(index) for index in self.answering()}
        claims = [index for index, hello in answers.items() if hello.get("isWritablePrimary")]
        return sorted(claims, key=lambda index: answers[index]["electionId"], reverse=True)

    def _hello(self, index: int) -> dict[str, Any]:
        """Return what a member says of itself, nothing when it does not answer."""
        with suppress(PyMongoError), self._admin(index) as admin:
            return dict(admin.command("hello"))
        return {}

    @contextmanager
    def _admin(self, index: int) -> Iterator[Any]:
        client = pymongo.MongoClient[Any](
            self.servers[index].direct_uri, serverSelectionTimeoutMS=5000, socketTimeoutMS=10_000
        )
        with client:
            yield client.admin


def _is_new(hello: dict[str, Any]) -> bool:
    """Tell whether the member belongs to no set yet."""
    return bool(hello.get("isreplicaset"))
