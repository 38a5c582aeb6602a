"""What Kafka holds after a scenario: the group's positions (I8) and the dead letters (I9)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from tests.chaos.history import Evidence, LogRecord


@dataclass(frozen=True)
class Letters:
    """How the dead letters compare with the jobs that are owed one."""

    missing: int
    doubled: int
    breaches: list[str] = field(default_factory=list)


def count_letters(letters: Sequence[str], due: Collection[str], others: Sequence[str]) -> Letters:
    """Compare the keys of the letters with the jobs that are `due` one, and `others` beside."""
    found, wanted = Counter(letters), Counter([*due, *others])
    missing, more = wanted - found, found - wanted
    doubled = Counter({key: count for key, count in more.items() if key in wanted})
    strange = more - doubled
    return Letters(
        missing.total(),
        doubled.total(),
        [
            *(f"no dead letter of {key}" for key in missing),
            *(f"{count + 1} dead letters of {key}" for key, count in doubled.items()),
            *(f"a dead letter of {key!r}, which did not fail" for key in strange),
        ],
    )


def bad_commits(evidence: Evidence, offsets_are_set: bool) -> Iterator[str]:
    """Yield where the group's position went back, or past a record whose job had not ended.

    A position may be past an unfinished job where another record or attempt is to finish it: a
    retry (back to `pending`), a second delivery, an attempt that took over.
    """
    if offsets_are_set:
        return
    reached: dict[int, int] = {}
    for commit in evidence.commits:
        if commit.next_offset < reached.get(commit.partition, 0):
            yield f"partition {commit.partition} went back to {commit.next_offset}"
        reached[commit.partition] = commit.next_offset
    yield from _passed(evidence)


def _passed(evidence: Evidence) -> Iterator[str]:
    checked = {str(job["_id"]) for job in evidence.jobs} - _with_another_way(evidence)
    by_partition: defaultdict[int, list[LogRecord]] = defaultdict(list)
    for record in evidence.records:
        if record.job_id in checked:
            by_partition[record.partition].append(record)
    for commit in evidence.commits:
        # What was rightly passed at one look is passed at all later ones.
        waiting, by_partition[commit.partition] = by_partition[commit.partition], []
        for record in waiting:
            if record.offset >= commit.next_offset:
                by_partition[commit.partition].append(record)
            elif evidence.ended_at.get(record.job_id, inf) > commit.t:
                yield (
                    f"{record.partition}:{record.offset} was acknowledged before job"
                    f" {record.job_id} ended"
                )


def _with_another_way(evidence: Evidence) -> set[str]:
    deliveries = Counter(record.job_id for record in evidence.records)
    attempts = {str(job["_id"]) for job in evidence.jobs if job["attempt"] > 1}
    retried = {str(e["job_id"]) for e in evidence.events if e["from"] and e["to"] == "pending"}
    return {job_id for job_id, count in deliveries.items() if count > 1} | attempts | retried
