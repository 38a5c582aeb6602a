"""Each invariant's teeth: a small history in which all is well, and one that breaks just it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.chaos.checker import Rules, Verdict, check
from tests.chaos.history import Commit, Evidence, Frame, LogRecord, Op, Outcome, Usage

ANN, BOB = "a" * 24, "b" * 24
GOOD, REFUSED = "1" * 24, "2" * 24
FAULT_ENDED_AT = 1_000.0


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _job(job_id: str, user_id: str, name: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "_id": job_id,
        "user_id": user_id,
        "file_name": name,
        "sha256": f"sha of {name}",
        "status": status,
        "rev": 3,
        "attempt": 1,
        "max_attempts": 5,
        "updated_at": _at(1_005),
        **more,
    }


def _event(job_id: str, rev: int, before: str | None, after: str, at: float) -> dict[str, Any]:
    return {"job_id": job_id, "rev": rev, "from": before, "to": after, "at": _at(at)}


def _story(job_id: str, end: str, at: float) -> list[dict[str, Any]]:
    return [
        _event(job_id, 1, None, "pending", at - 2),
        _event(job_id, 2, "pending", "processing", at - 1),
        _event(job_id, 3, "processing", end, at),
    ]


def _op(user_id: str, name: str, job_id: str = "", **more: Any) -> Op:
    return Op(user_id, name, 900, 901, **({"outcome": Outcome.ACCEPTED, "job_id": job_id} | more))


#: Ann's file was read, Bob's was refused; both watched.
WELL = Evidence(
    ops=[_op(ANN, "good-1.pdf", GOOD), _op(BOB, "reject-2.pdf", REFUSED)],
    frames=[
        Frame(user_id, t, job_id, status, is_last_look=is_last)
        for user_id, job_id, end in ((ANN, GOOD, "completed"), (BOB, REFUSED, "failed"))
        for t, status, is_last in ((1, "processing", False), (2, end, False), (3, end, True))
    ],
    commits=[Commit(1_000, 0, 0), Commit(1_006, 0, 1), Commit(1_007, 0, 2)],
    records=[LogRecord(0, 0, GOOD), LogRecord(0, 1, REFUSED)],
    letters=[REFUSED],
    jobs=[
        _job(GOOD, ANN, "good-1.pdf", "completed", resume_id="9" * 24),
        _job(REFUSED, BOB, "reject-2.pdf", "failed", error_code="parser_rejected"),
    ],
    events=[*_story(GOOD, "completed", 1_004), *_story(REFUSED, "failed", 1_005)],
    resumes={ANN: ["9" * 24]},
    files=frozenset({REFUSED}),
    sent={name: f"sha of {name}" for name in ("good-1.pdf", "reject-2.pdf")},
    parsed={"good-1.pdf": frozenset({"sha of good-1.pdf"})},
    answers=Counter({"good-1.pdf": 1, "reject-2.pdf": 1}),
    usage=[Usage("web.1", 120, 40)],
    listeners=frozenset({ANN, BOB}),
    fault_ended_at=FAULT_ENDED_AT,
)


def broken(evidence: Evidence, rules: Rules | None = None) -> set[str]:
    return {breach.partition(":")[0] for breach in check(evidence, rules or Rules()).broken}


def with_job(number: int, **changes: Any) -> Evidence:
    jobs = [dict(job) for job in WELL.jobs]
    jobs[number] |= changes
    return replace(WELL, jobs=jobs)


def test_where_all_is_well_nothing_is_broken() -> None:
    assert check(WELL, Rules(max_repeats=0.0)) == Verdict(
        accepted=2,
        completed=1,
        failed=1,
        lost=0,
        duplicated=0,
        letters_missing=0,
        letters_doubled=0,
        stale=0,
        worst_s=5.0,
        repeated_calls=0,
    )


def _lost() -> Evidence:
    return replace(WELL, ops=[*WELL.ops, _op(ANN, "good-1.pdf", "3" * 24)])


def _two_jobs() -> Evidence:
    other = _job("4" * 24, ANN, "good-1.pdf", "completed", resume_id="9" * 24)
    return replace(
        WELL,
        ops=[*WELL.ops, _op(ANN, "good-1.pdf", outcome=Outcome.INFO)],
        jobs=[*WELL.jobs, other],
        events=[*WELL.events, *_story("4" * 24, "completed", 1_004)],
        listeners=frozenset(),
    )


def _failed_unasked() -> Evidence:
    job = _job("5" * 24, ANN, "good-1.pdf", "failed", error_code="publish_failed", rev=2)
    events = [
        _event("5" * 24, 1, None, "pending", 900),
        _event("5" * 24, 2, "pending", "failed", 901),
    ]
    return replace(
        WELL, jobs=[*WELL.jobs, job], events=[*WELL.events, *events], listeners=frozenset()
    )


def _another_end() -> Evidence:
    events = [*WELL.events, _event(GOOD, 4, "completed", "failed", 1_005)]
    return replace(with_job(0, status="failed", rev=4), events=events)


def _late() -> Evidence:
    events = [*_story(GOOD, "completed", 1_300), *_story(REFUSED, "failed", 1_005)]
    return replace(with_job(0, updated_at=_at(1_300)), events=events, commits=[])


def _gap_in_revs() -> Evidence:
    return replace(WELL, events=[event for event in WELL.events if event["rev"] != 2])


def _swapped_frames() -> Evidence:
    first, second, *rest = WELL.frames
    return replace(WELL, frames=[second, first, *rest])


def _replayed(*reports: dict[str, Any], total: int = 1) -> Evidence:
    """Ann's job had failed first, and an operator replayed it."""
    events = [
        _event(GOOD, 1, None, "pending", 990),
        _event(GOOD, 2, "pending", "processing", 991),
        _event(GOOD, 3, "processing", "failed", 992),
        {**_event(GOOD, 4, "failed", "pending", 1_001), "reason": "replayed"},
        _event(GOOD, 5, "pending", "processing", 1_003),
        _event(GOOD, 6, "processing", "completed", 1_004),
    ]
    operation = {"_id": "op", "status": "done", "total": total, "done": 1, "refused": 0}
    return replace(
        with_job(0, rev=6, attempt=2),
        events=[*events, *_story(REFUSED, "failed", 1_005)],
        frames=[Frame(ANN, 0, GOOD, "failed"), *WELL.frames],
        letters=[REFUSED, GOOD],
        operations=[operation],
        operation_items=[{"operation_id": "op", "job_id": GOOD, **report} for report in reports],
    )


def _reports(evidence: Evidence) -> dict[str, Any]:
    return {"operations": evidence.operations, "operation_items": evidence.operation_items}


DONE, WAITING = {"outcome": "done"}, {"outcome": "waiting"}

CASES: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "an accepted job is gone": ("I1", _lost),
    "one upload, two jobs": ("I2", _two_jobs),
    "an unpublished job of no upload": ("I2", _failed_unasked),
    "two resumes": ("I3", lambda: replace(WELL, resumes={ANN: ["9" * 24, "8" * 24]})),
    "no resume": ("I3", lambda: replace(WELL, resumes={})),
    "a resume of nobody's": (
        "I3",
        lambda: replace(WELL, resumes={**WELL.resumes, BOB: ["8" * 24]}),
    ),
    "two ends": ("I3", _another_end),
    "a file that stays": ("I3", lambda: replace(WELL, files=frozenset({GOOD}))),
    "an end that is undone": ("I4", _another_end),
    "an event is missing": ("I4", _gap_in_revs),
    "a status without its event": ("I4", lambda: with_job(0, rev=4)),
    "a job that never ends": ("I5", lambda: with_job(0, status="processing")),
    "an end that comes late": ("I5", _late),
    "a record nobody acknowledged": ("I5", lambda: replace(WELL, lag=1)),
    "a socket that missed the end": (
        "I6",
        lambda: replace(WELL, frames=[f for f in WELL.frames if f.is_last_look or f.t < 2]),
    ),
    "a snapshot that is old": (
        "I6",
        lambda: replace(WELL, frames=[f for f in WELL.frames if not f.is_last_look]),
    ),
    "a job that goes on after its end": ("I6", _swapped_frames),
    "somebody else's job": (
        "I7",
        lambda: replace(WELL, frames=[*WELL.frames, Frame(BOB, 4, GOOD, "completed", True)]),
    ),
    "a position that goes back": (
        "I8",
        lambda: replace(WELL, commits=[*WELL.commits, Commit(1_008, 0, 1)]),
    ),
    "a position past a job that runs": (
        "I8",
        lambda: replace(WELL, commits=[Commit(1_003, 0, 1), *WELL.commits[1:]]),
    ),
    "a dead letter is missing": ("I9", lambda: replace(WELL, letters=[])),
    "two dead letters": ("I9", lambda: replace(WELL, letters=[REFUSED, REFUSED])),
    "a dead letter of a good job": ("I9", lambda: replace(WELL, letters=[REFUSED, GOOD])),
    "an attempt too many": ("I10", lambda: with_job(0, attempt=6)),
    "memory that grows": ("I13", lambda: replace(WELL, usage=[Usage("web.1", 900, 40)])),
    "descriptors that leak": ("I13", lambda: replace(WELL, usage=[Usage("web.1", 90, 4_000)])),
    "an upload that hangs": (
        "I14",
        lambda: replace(WELL, ops=[*WELL.ops, Op(ANN, "good-1.pdf", 900, 931, Outcome.INFO)]),
    ),
    "a good file that failed": (
        "I14",
        lambda: replace(with_job(0, file_name="reject-1.pdf"), sent=WELL.sent),
    ),
    "a job that an operation forgot": ("I17", lambda: _replayed(WAITING)),
    "a job that is reported twice": ("I17", lambda: _replayed(DONE, DONE)),
    "a job that is not reported": ("I17", lambda: _replayed(DONE, total=2)),
    "a replay that nobody reported": ("I17", lambda: replace(_replayed(DONE), operations=[])),
    "a replay that never was": ("I17", lambda: replace(WELL, **_reports(_replayed(DONE)))),
    "a replay that his socket was told twice": (
        "I6",
        lambda: replace(
            _replayed(DONE),
            frames=[Frame(ANN, 0, GOOD, status) for status in ("failed", "pending", "failed")]
            + list(WELL.frames),
        ),
    ),
    "a replay without the first dead letter": (
        "I9",
        lambda: replace(_replayed(DONE), letters=[REFUSED]),
    ),
    "a file that was altered": ("I16", lambda: with_job(0, sha256="another")),
    "a parser that got another file": (
        "I16",
        lambda: replace(WELL, parsed={"good-1.pdf": frozenset({"another"})}),
    ),
}


@pytest.mark.parametrize(("invariant", "history"), CASES.values(), ids=CASES.keys())
def test_a_broken_invariant_is_found(invariant: str, history: Callable[[], Evidence]) -> None:
    assert invariant in broken(history(), Rules(within_s=120))


def test_what_an_operator_replays_may_go_on() -> None:
    assert broken(_replayed(DONE)) == set()


def test_work_done_again_counts_where_it_may_not_be() -> None:
    evidence = replace(WELL, answers=Counter({"good-1.pdf": 2}))
    assert check(evidence, Rules()).repeated_calls == 1
    assert broken(evidence) == set()
    assert broken(evidence, Rules(max_repeats=0.0)) == {"I15"}


def test_a_second_attempt_may_be_under_way_behind_the_position() -> None:
    early = replace(WELL, commits=[Commit(1_003, 0, 1), *WELL.commits[1:]])
    assert broken(early) == {"I8"}
    jobs = [{**WELL.jobs[0], "attempt": 2}, WELL.jobs[1]]
    assert broken(replace(early, jobs=jobs)) == set()
    assert broken(replace(early, records=[*WELL.records, LogRecord(0, 2, GOOD)])) == set()


def test_forgiven_attempts_do_not_count() -> None:
    assert broken(with_job(0, attempt=8, forgiven=3)) == set()


def test_an_upload_that_answered_500_owes_no_dead_letter() -> None:
    evidence = _failed_unasked()
    ops = [*WELL.ops, _op(ANN, "good-1.pdf", outcome=Outcome.REFUSED, code="publish_failed")]
    assert broken(replace(evidence, ops=ops)) == set()


def test_what_an_administrator_or_a_scenario_does_is_allowed() -> None:
    back = replace(WELL, commits=[*WELL.commits, Commit(1_008, 0, 1)])
    assert broken(back, Rules(offsets_are_set=True)) == set()
    poison = replace(WELL, letters=[REFUSED, "poison"])
    assert broken(poison) == {"I9"}
    assert broken(poison, Rules(other_letters=("poison",))) == set()
    failed = with_job(0, status="failed", error_code="parser_bad_answer")
    assert "I14" in broken(failed)
    assert "I14" not in broken(failed, Rules(may_fail=frozenset({"parser_bad_answer"})))
