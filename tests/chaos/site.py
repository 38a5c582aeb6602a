"""One scenario under way: the service, its load and its watchers, and what a fault may do to them.

Made anew for each scenario on servers that several share: a database, topic and group of its own.
Owned by the main thread, which starts the processes; a fault runs there, too.
"""

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson import ObjectId

from devstack import ports
from tests.chaos import crowd, kafka_watch
from tests.chaos.environment import Servers
from tests.chaos.history import TERMINAL, History, Outcome
from tests.chaos.kafka_watch import CommitWatch
from tests.chaos.load import PUBLISH_FAILED, Load
from tests.chaos.parser_process import ParserFiles
from tests.chaos.short_times import known_settings
from tests.chaos.sockets import Watchers
from tests.eventually import eventually
from tests.services.stack import ServiceStack
from tests.services.tcp_proxy import TcpProxy

_MAX_WATCHERS = 100
_FAULT_AFTER = 0.15
#: An upload that took longer has met an outage.
_OUTAGE_S = 2.0
_PARSER = "python -m tests.chaos.parser_process --port $PORT --folder {folder}"


@dataclass(frozen=True)
class Size:
    """How much is done: `jobs` uploads, spread over `seconds`."""

    jobs: int
    seconds: float


class Site:
    """What a fault has at hand."""

    def __init__(
        self,
        servers: Servers,
        size: Size,
        *,
        seed: int,
        env: Mapping[str, str],
        parser: str = "double",
        workers: int = 2,
    ) -> None:
        self.servers = servers
        self.size = size
        self.random = random.Random(seed)
        #: What showed that the fault did something.
        self.proofs: list[str] = []
        #: The keys of records that are no jobs and belong in the dead letters.
        self.other_letters: list[str] = []
        self.history = History()
        self.stack = ServiceStack(
            servers.kafka_bootstrap,
            servers.mongo_uri,
            web=2,
            workers=workers,
            env={**known_settings(), **servers.env, **env},
        )
        self.parser = ParserFiles(self.stack.folder)
        self._has_double = parser == "double"
        if self._has_double:
            self.stack.override("parser", command=_PARSER.format(folder=self.stack.folder))
        self.proxies: dict[str, TcpProxy] = {}
        self._exits = contextlib.ExitStack()
        self._client = pymongo.MongoClient[dict[str, Any]](servers.mongo_uri, tz_aware=True)
        self.database = self._client[self.stack.database_name]
        self.uploaders = crowd.uploaders(
            size.jobs, self.stack.jwt_secret, real_pdfs=not self._has_double
        )
        self.fault_ended_at = 0.0

    def start(self) -> None:
        """Start the service, its users and the load."""
        self.stack.start()
        users = [{"_id": ObjectId(user.user_id), "resume": None} for user in self.uploaders]
        self.database["user"].insert_many(users)
        # Spread over all, so that some come before the fault, some in it and some after.
        step = max(1, len(self.uploaders) // _MAX_WATCHERS)
        self.watchers = Watchers(self.uploaders[::step], self.stack.web_urls, self.history)
        self._exits.callback(self.watchers.stop)
        self.watchers.start()
        self.until(self.watchers.is_connected, within_s=30, why="all sockets are open")
        self.commits = CommitWatch(
            self.servers.kafka_bootstrap, self.stack.group_id, self.stack.topic, self.history
        )
        self._exits.callback(self.commits.stop)
        self.commits.start()
        self.load = Load(
            self.uploaders,
            web_ports=[self.stack.port(f"web.{number}") for number in (1, 2)],
            rate_per_s=self.size.jobs / self.size.seconds,
            history=self.history,
        )
        self._exits.callback(self.load.stop)
        self.load.start()

    def stop(self) -> None:
        """End everything that is of this scenario; the servers go on."""
        self.stack.kill_all()
        self._exits.close()
        self.stack.stop()
        self._client.drop_database(self.stack.database_name)
        self._client.close()

    # What faults say and ask

    def prove(self, what: str) -> None:
        """Note what showed that the fault bit; a scenario without any is an error."""
        self.proofs.append(what)

    def wait(self, seconds: float) -> None:
        """Let the load go on for a while."""
        time.sleep(seconds)

    def until(self, check: Callable[[], object], *, within_s: float, why: str) -> None:
        """Return when `check` holds; raise AssertionError when it does not in time."""
        eventually(check, within_s=within_s, why=why)

    def until_uploaded(self, share: float) -> None:
        """Return when that share of the uploads has been accepted, at the latest after a minute."""
        count = int(self.size.jobs * share)
        self.until(lambda: self.accepted() >= count, within_s=60, why=f"{count} uploads")

    def until_under_way(self) -> None:
        """Return when the load is well under way: a fault is to meet jobs in every state."""
        self.until_uploaded(_FAULT_AFTER)

    def accepted(self, *, since: float = 0) -> int:
        """Count the accepted uploads."""
        return self.history.count(since=since, outcome=Outcome.ACCEPTED)

    def unanswered(self, *, since: float) -> int:
        """Count the uploads since then that were not accepted."""
        return self.history.count(since=since) - self.accepted(since=since)

    def prove_outage(self, *, since: float) -> None:
        """Return once uploads are taken; some were refused since then, or took their time."""
        self.until(
            lambda: self.accepted(since=time.time() - 1), within_s=60, why="uploads are taken"
        )
        refused, slowest_s = self.unanswered(since=since), self.slowest_upload_s(since=since)
        assert refused or slowest_s > _OUTAGE_S, "no upload met the outage"
        self.prove(f"{refused} uploads not taken, the slowest took {slowest_s:.1f} s")

    def slowest_upload_s(self, *, since: float) -> float:
        """Return how long the slowest upload took of those that ended since then."""
        ops = [op for op in list(self.history.ops) if op.t1 >= since]
        return max((op.t1 - op.t0 for op in ops), default=0.0)

    def unfinished(self, **more: Any) -> int:
        """Count the jobs that have not ended, of those that match `more`."""
        query = {"status": {"$nin": sorted(TERMINAL)}, **more}
        return self.database["resume_parse_jobs"].count_documents(query)

    def ended(self) -> int:
        """Count the jobs that have ended."""
        query = {"status": {"$in": sorted(TERMINAL)}}
        return self.database["resume_parse_jobs"].count_documents(query)

    def taken_over(self) -> int:
        """Count the jobs that a second attempt took from a first that had not ended."""
        return self.database["job_events"].count_documents(
            {"from": "processing", "to": "processing"}
        )

    @contextlib.contextmanager
    def slow_parser(self) -> Iterator[None]:
        """Have every job take more than a second, so that a fault meets some in the middle."""
        if self._has_double:
            self.parser.set_mode("slow")
        else:
            self.stack.pause("parser.1")  # the real one knows no other way
        self.wait(0.2)  # until the quick ones are through
        try:
            yield
        finally:
            self.parser.set_mode("")
            if not self._has_double:
                self.stack.unpause("parser.1")

    def held_by(self, worker: str) -> int:
        """Count the jobs that the worker is at, by what the database says."""
        return self.unfinished(
            status="processing", worker={"$regex": f":{self.stack.pid(worker)}$"}
        )

    def longest_gap_s(self, *, since: float) -> float:
        """Return the longest time since then in which no job ended."""
        after = {"to": {"$in": sorted(TERMINAL)}, "at": {"$gte": _utc(since)}}
        events = self.database["job_events"].find(after, {"at": 1}).sort("at", 1)
        times = [since, *(event["at"].timestamp() for event in events), time.time()]
        return max(float(later - earlier) for earlier, later in itertools.pairwise(times))

    def lead_through(self, link: str) -> None:
        """Put a proxy on the way of a line's processes ("worker-mongo"); before the start."""
        line, _, server = link.partition("-")
        if server == "parser":
            parser = f"{ports.LOOPBACK}:{self.stack.port('parser.1')}"
            proxy = self._exits.enter_context(TcpProxy(parser))
            env: Mapping[str, str] = {"RESUME_PARSER_URL": f"http://{proxy.address}"}
        else:
            proxy, env = self.servers.links[link].proxy, self.servers.links[link].env
        self.stack.override(line, **env)
        self.proxies[link] = proxy

    # What is to be so at the end

    def statuses(self) -> dict[str, dict[str, str]]:
        """Return the status of each job by its user."""
        by_user: dict[str, dict[str, str]] = {}
        for job in self.database["resume_parse_jobs"].find({}, {"user_id": 1, "status": 1}):
            by_user.setdefault(str(job["user_id"]), {})[str(job["_id"])] = job["status"]
        return by_user

    def unheard(self) -> list[str]:
        """Return the jobs whose watcher does not know how they are."""
        return self.watchers.unheard(self.statuses())

    def owes_letters(self) -> bool:
        """Tell whether a dead letter is still to come."""
        due = {"status": "failed", "error_code": {"$ne": PUBLISH_FAILED}}
        owed = self.database["resume_parse_jobs"].count_documents(due) + len(self.other_letters)
        owed += self.database["job_events"].count_documents({"reason": "replayed"})
        letters = kafka_watch.read_letters(self.servers.kafka_bootstrap, self.stack.topic)
        return len(letters) < owed


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
