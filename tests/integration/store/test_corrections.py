"""Guards what users correct: no version lost, none made twice, and figures that stay true."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from resumes.correct import FIELDS, CorrectionInvalidError, ResumeChangedError
from resumes.cv import resume_detail
from store.corrections import MongoCorrections

MADE_AT = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
DETAIL = resume_detail({"name": "A", "skills": ["Go"], "education": [{"degree": "BSc"}]})
EMPTY = {"email", "phone", "summary", "experience", "languages", "certifications"}


@pytest.fixture
def resume(migrated: Database[Any], user_id: str) -> dict[str, Any]:
    resume = {"_id": ObjectId(), "resume_detail": DETAIL, "version": 1, "created_at": MADE_AT}
    other = {"_id": ObjectId(), "resume_detail": {"name": "Other"}}
    migrated["user"].update_one({"_id": ObjectId(user_id)}, {"$set": {"resume": [other, resume]}})
    return resume


@pytest.fixture
def resume_id(resume: dict[str, Any]) -> str:
    return str(resume["_id"])


@pytest.fixture
def corrections(migrated: Database[Any]) -> MongoCorrections:
    return MongoCorrections(migrated)


def versions(database: Database[Any]) -> list[tuple[int, str, str]]:
    found = database["resume_versions"].find(sort=[("version", 1)])
    return [(v["version"], v["made_by"], v["resume_detail"]["name"]) for v in found]


def figures(database: Database[Any], field: str) -> dict[str, int]:
    day = database["field_accuracy"].find_one({"_id": "2026-11-23"}) or {}
    return {name: count for name, count in day.get(field, {}).items() if count}


def test_a_correction_is_a_new_version_beside_the_earlier_ones(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    changed = corrections.correct(user_id, resume_id, {"name": "$B"}, of_version=1)

    assert changed
    assert (changed["version"], changed["resume_detail"]) == (2, {**DETAIL, "name": "$B"})
    user = migrated["user"].find_one({"_id": ObjectId(user_id)})
    assert user
    assert user["resume"][0]["resume_detail"] == {"name": "Other"}
    assert user["resume"][1] == changed
    assert "updated_at" in user
    assert versions(migrated) == [(1, "parser", "A"), (2, "user", "$B")]
    corrections.correct(user_id, resume_id, {"name": "C"}, of_version=2)
    assert versions(migrated)[2:] == [(3, "user", "C")]


def test_the_same_value_makes_no_version_whichever_it_was_seen_in(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    first = corrections.correct(user_id, resume_id, {"name": "B"}, of_version=1)
    again = corrections.correct(user_id, resume_id, {"name": " B "}, of_version=1)

    assert first == again
    assert len(versions(migrated)) == 2
    assert figures(migrated, "name") == {"shown": 1, "corrected": 1}


def test_who_saw_an_older_version_is_told_the_present_one_and_writes_nothing(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    corrections.correct(user_id, resume_id, {"name": "B"}, of_version=1)
    with pytest.raises(ResumeChangedError) as refused:
        corrections.correct(user_id, resume_id, {"phone": "1"}, of_version=1)

    assert refused.value.version == 2
    assert len(versions(migrated)) == 2
    assert corrections.correct(user_id, resume_id, {"phone": "1"}, of_version=None)


def test_what_is_no_correction_changes_nothing(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    with pytest.raises(CorrectionInvalidError):
        corrections.correct(user_id, resume_id, {"name": "B", "skill": 1}, of_version=1)

    assert versions(migrated) == [(1, "parser", "A")]
    assert corrections.correct(user_id, str(ObjectId()), {"name": "B"}, of_version=1) is None
    assert corrections.correct(str(ObjectId()), resume_id, {"name": "B"}, of_version=1) is None


def test_of_many_corrections_of_one_version_exactly_one_is_stored(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    barrier = threading.Barrier(8)

    def correct(number: int) -> str:
        barrier.wait()
        try:
            corrections.correct(user_id, resume_id, {"name": f"name {number}"}, of_version=1)
        except ResumeChangedError as refused:
            return f"now {refused.version}"
        return "stored"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(correct, range(8)))
    assert sorted(answers) == ["now 2"] * 7 + ["stored"]
    assert len(versions(migrated)) == 2
    assert figures(migrated, "name") == {"shown": 1, "corrected": 1}


def test_a_resume_is_counted_once_however_often_it_is_looked_at(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume: dict[str, Any]
) -> None:
    barrier = threading.Barrier(8)

    def look(_: int) -> None:
        barrier.wait()
        corrections.note_shown(user_id, resume)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    for field in FIELDS:
        empty = {"empty": 1} if field in EMPTY else {}
        assert figures(migrated, field) == {"shown": 1, **empty}
    assert versions(migrated) == [(1, "parser", "A")]


def test_the_figures_tell_corrections_from_what_had_not_been_found_and_from_second_thoughts(
    corrections: MongoCorrections, migrated: Database[Any], user_id: str, resume_id: str
) -> None:
    changes = {"name": "B", "phone": "0123456", "education": {"institution": "UIT"}}
    corrections.correct(user_id, resume_id, changes, of_version=1)
    assert figures(migrated, "name") == {"shown": 1, "corrected": 1}
    assert figures(migrated, "phone") == {"shown": 1, "empty": 1, "filled": 1}
    assert figures(migrated, "education") == {"shown": 1, "corrected": 1}

    corrections.correct(user_id, resume_id, {"name": "A"}, of_version=2)
    assert figures(migrated, "name") == {"shown": 1}


@pytest.mark.parametrize("changes", [{"created_at": None}, {"version": None}, {"version": 7}])
def test_a_resume_that_another_service_wrote_can_be_corrected(
    corrections: MongoCorrections,
    migrated: Database[Any],
    user_id: str,
    resume_id: str,
    changes: dict[str, Any],
) -> None:
    migrated["user"].update_one({}, {"$set": {f"resume.1.{k}": v for k, v in changes.items()}})
    changed = corrections.correct(user_id, resume_id, {"name": "B"}, of_version=None)

    assert changed
    assert changed["version"] == (changes.get("version") or 1) + 1
    assert [(made_by, name) for _, made_by, name in versions(migrated)] == [
        ("parser", "A"),
        ("user", "B"),
    ]
