"""Read out what the servers and processes hold once a scenario has settled."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pymongo.database import Database

from tests.chaos import kafka_watch
from tests.chaos.history import Evidence, History, Usage
from tests.chaos.load import Uploader
from tests.chaos.parser_process import ParserFiles
from tests.services.stack import ServiceStack

#: The parser looked at the file and said what it thinks of it: to ask again would be in vain.
_FINAL = {200, 422}
_USUAL_MODES = {"usual", "slow"}
_WITHOUT_BYTES = {"file_data": 0, "cv_data": 0}


def gather(
    stack: ServiceStack,
    database: Database[dict[str, Any]],
    history: History,
    uploaders: Sequence[Uploader],
    parser: ParserFiles,
    *,
    listeners: frozenset[str],
    fault_ended_at: float,
) -> Evidence:
    """Return all that is known now."""
    calls = parser.calls()
    parsed: defaultdict[str, set[str]] = defaultdict(set)
    for name, sha256, _, _ in calls:
        parsed[name].add(sha256)
    return Evidence(
        ops=history.ops,
        frames=history.frames,
        commits=history.commits,
        records=kafka_watch.read_log(stack.kafka_bootstrap, stack.topic),
        letters=kafka_watch.read_letters(stack.kafka_bootstrap, stack.topic),
        jobs=list(database["resume_parse_jobs"].find({}, _WITHOUT_BYTES)),
        events=list(database["job_events"].find()),
        resumes=_resumes(database),
        files=_files(database),
        sent={user.file_name: user.sha256 for user in uploaders},
        parsed={name: frozenset(found) for name, found in parsed.items()},
        answers=Counter(
            name for name, _, mode, status in calls if status in _FINAL and mode in _USUAL_MODES
        ),
        operations=list(database["operations"].find()),
        operation_items=list(database["operation_items"].find()),
        lag=lag(stack),
        usage=[usage(name, stack.pid(name)) for name in stack.names if stack.is_running(name)],
        listeners=listeners,
        fault_ended_at=fault_ended_at,
    )


def lag(stack: ServiceStack) -> int:
    """Return how many records nobody has acknowledged."""
    return kafka_watch.lag_of(stack.kafka_bootstrap, stack.group_id, stack.topic)


def usage(name: str, group_id: int) -> Usage:
    """Return what the processes of one group need together: gunicorn's master has workers."""
    pids = [pid for pid in _pids() if _group_of(pid) == group_id]
    return Usage(name, sum(map(_rss_mib, pids)), max(map(_descriptors, pids), default=0))


def _resumes(database: Database[dict[str, Any]]) -> dict[str, list[str]]:
    users = database["user"].find({"resume.0": {"$exists": True}}, {"resume._id": 1})
    return {str(user["_id"]): [str(r["_id"]) for r in user["resume"]] for user in users}


def _files(database: Database[dict[str, Any]]) -> frozenset[str]:
    inline = database["resume_parse_jobs"].find({"file_data": {"$exists": True}}, {"_id": 1})
    apart = database["resume_files"].find({}, {"_id": 1})
    return frozenset(
        str(document["_id"]) for documents in (inline, apart) for document in documents
    )


def _pids() -> Iterable[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _group_of(pid: int) -> int:
    # The command's name, in brackets, may hold anything.
    return int(_read(pid, "stat").rpartition(")")[2].split()[2]) if _read(pid, "stat") else 0


def _rss_mib(pid: int) -> float:
    pages = _read(pid, "statm").split()
    return int(pages[1]) * 4096 / 2**20 if pages else 0.0


def _descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""  # it ended meanwhile
