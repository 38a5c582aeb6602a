"""What a correction may be, what becomes of it, and how it changes the figures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.correct import (
    FIELDS,
    CorrectionInvalidError,
    accuracy_changes,
    corrected,
    doubtful,
    is_empty,
)
from resumes.cv import resume_detail

DETAIL = resume_detail(
    {
        "name": "Nguyễn Văn A",
        "email": "a@example.com",
        "skills": ["Go", "Python"],
        "education": [{"degree": "Bachelor", "institution": "UIT", "graduation_year": 2020}],
        "experience": [{"title": "Developer", "responsibilities": ["Design"]}],
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_every_stored_field_can_be_corrected_and_no_other() -> None:
    assert set(FIELDS) == set(DETAIL)
    for field in ("education", "experience"):
        assert set(FIELDS[field].members) == set(DETAIL[field])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "  Trần   Thị\tB \n"}, {"name": "Trần Thị B"}),
        ({"name": "e\u0301"}, {"name": "é"}),
        ({"phone": "1\x002\ud800"}, {"phone": "1 2"}),
        ({"summary": "One. \r\n\n\n\nTwo.\x07 "}, {"summary": "One.\n\nTwo."}),
        ({"skill": ["Go ", "", "  ", "C\n#"]}, {"skill": ["Go", "C #"]}),
        (
            {"education": {"degree": "Master"}},
            {"education": {**DETAIL["education"], "degree": "Master"}},
        ),
        ({"email": "", "languages": []}, {"email": "", "languages": []}),
    ],
)
def test_what_is_given_is_tidied_and_put_over_what_there_is(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert corrected(DETAIL, changes) == {**DETAIL, **expected}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ([], ""),
        ({}, ""),
        (None, ""),
        ({"skills": []}, ""),
        ({"\ud800": "x"}, ""),
        ({"name": None}, "name"),
        ({"name": ["A"]}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "A", "summary": "x" * 10_001}, "summary"),
        ({"skill": "Go"}, "skill"),
        ({"skill": [1]}, "skill"),
        ({"skill": ["x" * 201]}, "skill"),
        ({"skill": ["x"] * 301}, "skill"),
        ({"education": "UIT"}, "education"),
        ({"education": {"gpa": "4"}}, "education"),
        ({"education": {"graduation_year": 2020}}, "education.graduation_year"),
        ({"experience": {"achievements": [{}]}}, "experience.achievements"),
    ],
)
def test_what_is_no_correction_is_refused_with_its_place(changes: object, field: str) -> None:
    with pytest.raises(CorrectionInvalidError) as refused:
        corrected(DETAIL, changes)

    assert refused.value.field == field
    str(refused.value).encode()  # an answer can hold it


def test_a_field_of_another_shape_is_replaced() -> None:
    assert corrected({"education": ["?"]}, {"education": {"degree": "A"}}) == {
        "education": {"degree": "A"}
    }


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON) | JSON)
def test_whatever_comes_is_refused_or_made_and_a_second_time_changes_nothing(changes: Any) -> None:
    try:
        once = corrected(DETAIL, changes)
    except CorrectionInvalidError:
        return
    assert corrected(once, changes) == once
    assert set(once) == set(DETAIL)


@pytest.mark.parametrize(
    ("email", "phone", "odd"),
    [
        ("a@example.com", "+84 123 456 789", []),
        ("", "", []),
        ("nguyễn@ví-dụ.vn", "(024) 3825-1234", []),
        ("a.example.com", "ask me", ["email", "phone"]),
        ("a@b", "12", ["email", "phone"]),
    ],
)
def test_an_odd_address_or_number_is_only_pointed_out(
    email: str, phone: str, odd: list[str]
) -> None:
    assert doubtful(corrected(DETAIL, {"email": email, "phone": phone})) == odd


def test_a_field_counts_while_it_differs_from_what_the_parser_made() -> None:
    parsed = DETAIL
    once = corrected(parsed, {"name": "B", "phone": "0123456"})
    twice = corrected(once, {"name": "C"})
    back = corrected(twice, {"name": parsed["name"], "phone": ""})

    assert accuracy_changes(parsed, parsed, once) == {"name.corrected": 1, "phone.filled": 1}
    assert accuracy_changes(parsed, once, twice) == {}
    assert accuracy_changes(parsed, twice, back) == {"name.corrected": -1, "phone.filled": -1}


@pytest.mark.parametrize("value", [None, "", [], {}, {"degree": "", "years": []}])
def test_what_shows_nothing_is_empty(value: object) -> None:
    assert is_empty(value)
    assert not is_empty({"degree": value, "institution": "UIT"})
