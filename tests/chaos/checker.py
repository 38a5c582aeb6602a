"""The same questions after every scenario: pure functions from the evidence to what is broken.

Each invariant's function yields one line for every breach. What the invariants mean is in
docs/reliability.md; `test_checker.py` shows each of them a history that breaks it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import checks_log, checks_sockets
from tests.chaos.history import TERMINAL, Document, Evidence, Outcome
from tests.chaos.load import HUNG_AFTER_S, PUBLISH_FAILED

#: From a job's status to those that may follow (docs/architecture.md); an expired lease makes
#: `processing` follow itself.
_MAY_FOLLOW = {
    None: {"pending"},
    "pending": {"processing", "failed"},
    "processing": {"processing", "pending", "completed", "failed"},
    "replayed": {"pending"},
}
#: Why the parser's double makes a file of this kind fail; all other files are to be completed.
_FAILS_WITH = {"reject": "parser_rejected"}
_MAX_RSS_MIB = 400
_MAX_DESCRIPTORS = 500


@dataclass(frozen=True)
class Rules:
    """What a scenario allows beyond the invariants, each with its reason at the scenario."""

    #: How long after the fault's end everything may take.
    within_s: float = 120.0
    #: Codes with which a file may fail that the parser would have read.
    may_fail: frozenset[str] = frozenset()
    #: Dead letters of records that are no job, by key.
    other_letters: tuple[str, ...] = ()
    #: How many files may be parsed again in vain, as a share of all; None: as many as it takes.
    max_repeats: float | None = None
    #: An administrator moves the group's position.
    offsets_are_set: bool = False


@dataclass(frozen=True)
class Verdict:
    """One scenario's numbers, and what was broken."""

    accepted: int
    completed: int
    failed: int
    lost: int
    duplicated: int
    letters_missing: int
    letters_doubled: int
    stale: int
    #: From the fault's end, or from the acceptance where that came later, to a job's end.
    worst_s: float
    #: The parser's final answers beyond the first for a file.
    repeated_calls: int
    broken: list[str] = field(default_factory=list)


def check(evidence: Evidence, rules: Rules) -> Verdict:
    """Judge one scenario."""
    failed = [job for job in evidence.jobs if job["status"] == "failed"]
    due = {str(job["_id"]) for job in failed if job.get("error_code") != PUBLISH_FAILED}
    # A job that was replayed had failed before.
    owed = [*due, *evidence.replays.elements()]
    letters = checks_log.count_letters(evidence.letters, owed, rules.other_letters)
    lost, duplicated = list(_lost(evidence)), list(_duplicated(evidence))
    stale = list(checks_sockets.stale(evidence))
    worst_s = _worst_s(evidence)
    repeated_calls = sum(max(0, count - 1) for count in evidence.answers.values())
    return Verdict(
        accepted=len(accepted_jobs(evidence)),
        completed=sum(job["status"] == "completed" for job in evidence.jobs),
        failed=len(due),
        lost=len(lost),
        duplicated=len(duplicated),
        letters_missing=letters.missing,
        letters_doubled=letters.doubled,
        stale=len(stale),
        worst_s=worst_s,
        repeated_calls=repeated_calls,
        broken=[
            *_named("I1", lost),
            *_named("I2", _uploaded_twice(evidence)),
            *_named("I3", duplicated),
            *_named("I4", _illegal(evidence)),
            *_named("I5", _late(evidence, worst_s, rules)),
            *_named("I6", stale),
            *_named("I7", checks_sockets.foreign(evidence)),
            *_named("I8", checks_log.bad_commits(evidence, rules.offsets_are_set)),
            *_named("I9", letters.breaches),
            *_named("I10", _over_attempted(evidence)),
            *_named("I13", _swollen(evidence)),
            *_named("I14", _dishonest(evidence, rules)),
            *_named("I15", _repeated(evidence, repeated_calls, rules)),
            *_named("I16", _altered(evidence)),
            *_named("I17", _misreported(evidence)),
        ],
    )


def accepted_jobs(evidence: Evidence) -> dict[str, float]:
    """Return when each accepted job was accepted."""
    return {op.job_id: op.t1 for op in evidence.ops if op.outcome is Outcome.ACCEPTED}


def _named(name: str, breaches: Iterable[str]) -> Iterator[str]:
    return (f"{name}: {breach}" for breach in breaches)


def _lost(evidence: Evidence) -> Iterator[str]:
    stored = {str(job["_id"]) for job in evidence.jobs}
    for job_id in accepted_jobs(evidence):
        if job_id not in stored:
            yield f"job {job_id} was accepted and is gone"


def _uploaded_twice(evidence: Evidence) -> Iterator[str]:
    """Whatever an upload's client knows of it, there is one job at most, and the one he was told.

    Jobs that answered 500 do not count, but neither may there be more of them than such uploads.
    """
    told: dict[str, set[str]] = defaultdict(set)
    may_have_failed: Counter[str] = Counter()
    for op in evidence.ops:
        if op.outcome is Outcome.ACCEPTED:
            told[op.user_id].add(op.job_id)
        may_have_failed[op.user_id] += op.code == PUBLISH_FAILED or op.outcome is Outcome.INFO
    jobs = _by(evidence.jobs, "user_id")
    for user_id in told.keys() | jobs.keys():
        ids = {str(j["_id"]) for j in jobs[user_id] if j.get("error_code") != PUBLISH_FAILED}
        if len(ids | told[user_id]) > 1:
            yield f"user {user_id} uploaded once and has the jobs {sorted(ids | told[user_id])}"
        if len(jobs[user_id]) - len(ids) > may_have_failed[user_id]:
            yield f"user {user_id} has more unpublished jobs than uploads that may have failed"


def _duplicated(evidence: Evidence) -> Iterator[str]:
    completed = {str(j["_id"]): j for j in evidence.jobs if j["status"] == "completed"}
    owed = {str(job["user_id"]): [str(job.get("resume_id"))] for job in completed.values()}
    for user_id in owed.keys() | {user for user, ids in evidence.resumes.items() if ids}:
        found = list(evidence.resumes.get(user_id, ()))
        if found != owed.get(user_id, []):
            yield f"user {user_id} has the resumes {found}, owed are {owed.get(user_id, [])}"
    for job_id, events in _by(evidence.events, "job_id").items():
        ends = [event["to"] for event in events if event["to"] in TERMINAL]
        if len(ends) > 1 + evidence.replays[job_id]:
            yield f"job {job_id} ended {len(ends)} times: {', '.join(ends)}"
    for job_id in completed.keys() & evidence.files:
        yield f"job {job_id} is completed and its file is still stored"


def _illegal(evidence: Evidence) -> Iterator[str]:
    events = _by(evidence.events, "job_id")
    for job in evidence.jobs:
        history = sorted(events[str(job["_id"])], key=lambda event: event["rev"])
        where: str | None = None
        for number, event in enumerate(history, 1):
            if (event["rev"], event["from"]) != (number, where):
                yield f"job {job['_id']}: event {event['rev']} from {event['from']} after {where}"
            is_replay = where == "failed" and event.get("reason") == "replayed"
            if event["to"] not in _MAY_FOLLOW.get("replayed" if is_replay else where, set()):
                yield f"job {job['_id']} went from {where} to {event['to']}"
            where = event["to"]
        if (len(history), where) != (job["rev"], job["status"]):
            yield f"job {job['_id']} is {job['status']} at rev {job['rev']}, its last event {where}"


def _late(evidence: Evidence, worst_s: float, rules: Rules) -> Iterator[str]:
    for job in evidence.jobs:
        if job["status"] not in TERMINAL:
            yield f"job {job['_id']} is still {job['status']}"
    if worst_s > rules.within_s:
        yield f"a job ended {worst_s:.0f} s after the fault"
    if evidence.lag:
        yield f"{evidence.lag} records are not acknowledged"


def _worst_s(evidence: Evidence) -> float:
    accepted = accepted_jobs(evidence)
    after_s = (
        ended_at - max(evidence.fault_ended_at, accepted.get(job_id, 0))
        for job_id, ended_at in evidence.ended_at.items()
    )
    return max([0.0, *after_s])


def _over_attempted(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs:
        counted = job["attempt"] - job.get("forgiven", 0)
        if counted > job["max_attempts"]:
            yield f"job {job['_id']} had {counted} attempts of {job['max_attempts']}"


def _swollen(evidence: Evidence) -> Iterator[str]:
    for usage in evidence.usage:
        if usage.rss_mib > _MAX_RSS_MIB or usage.descriptors > _MAX_DESCRIPTORS:
            yield f"{usage.name} ended with {usage.rss_mib:.0f} MiB, {usage.descriptors} open files"


def _dishonest(evidence: Evidence, rules: Rules) -> Iterator[str]:
    for op in evidence.ops:
        if op.t1 - op.t0 >= HUNG_AFTER_S:
            yield f"the upload of {op.file_name} hung"
    for job in evidence.jobs:
        code = job.get("error_code", "") if job["status"] == "failed" else ""
        if code == PUBLISH_FAILED or job["status"] not in TERMINAL:
            continue
        due = _FAILS_WITH.get(job["file_name"].partition("-")[0], "")
        if code != due and code not in rules.may_fail:
            yield f"job {job['_id']} of {job['file_name']} ended with {code or 'a resume'!r}"


def _repeated(evidence: Evidence, repeated_calls: int, rules: Rules) -> Iterator[str]:
    if rules.max_repeats is not None and repeated_calls > rules.max_repeats * len(evidence.sent):
        yield f"the parser was asked {repeated_calls} times in vain"


def _altered(evidence: Evidence) -> Iterator[str]:
    for job in evidence.jobs:
        name = job["file_name"]
        if job["sha256"] != evidence.sent.get(name):
            yield f"the file of job {job['_id']} was stored with another SHA-256 than sent"
        if evidence.parsed.get(name, frozenset()) - {evidence.sent.get(name)}:
            yield f"the parser got another {name} than was sent"


def _misreported(evidence: Evidence) -> Iterator[str]:
    """Each job of an operation is reported once, and what is reported is what happened."""
    done: Counter[str] = Counter()
    items = _by(evidence.operation_items, "operation_id")
    for operation in evidence.operations:
        name, reported = f"operation {operation['_id']}", items[str(operation["_id"])]
        if operation["status"] != "done":
            yield f"{name} is still {operation['status']}"
        outcomes = Counter(item["outcome"] for item in reported)
        counts = Counter(done=operation["done"], refused=operation["refused"])
        if +counts != outcomes:
            yield f"{name} counted {dict(counts)} and reports {dict(outcomes)}"
        if operation["total"] != len({item["job_id"] for item in reported}):
            yield f"{name} of {operation['total']} jobs reports {len(reported)}"
        done.update(str(item["job_id"]) for item in reported if item["outcome"] == "done")
    for job_id in done.keys() | evidence.replays.keys():
        if done[job_id] != evidence.replays[job_id]:
            yield (
                f"job {job_id} was replayed {evidence.replays[job_id]} times,"
                f" reported {done[job_id]} times"
            )


def _by(documents: Iterable[Document], name: str) -> defaultdict[str, list[Any]]:
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    for document in documents:
        grouped[str(document[name])].append(document)
    return grouped
