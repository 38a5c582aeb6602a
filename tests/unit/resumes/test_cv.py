import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.cv import resume_detail, storable

CV = {
    "name": "Nguyễn Văn A",
    "email": "nguyenvana@example.com",
    "phone": "+84 123 456 789",
    "summary": "Experienced Software Engineer...",
    "skills": ["Go", "Python"],
    "education": [
        {
            "degree": "Bachelor of Computer Science",
            "institution": "UIT - VNU-HCM",
            "graduation_year": 2020,
            "gpa": 3.5,
        }
    ],
    "experience": [
        {
            "title": "Senior Backend Developer",
            "company": "Tech Corp",
            "duration": "2020-2024",
            "responsibilities": ["Design microservices"],
            "achievements": ["Reduced latency by 50%"],
        }
    ],
    "certifications": ["AWS Certified Developer"],
    "languages": ["Vietnamese", "English"],
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
cv_like = st.fixed_dictionaries({}, optional=dict.fromkeys(CV, json_values))


def test_the_customers_example_becomes_the_customers_stored_resume() -> None:
    assert resume_detail(CV) == {
        "name": "Nguyễn Văn A",
        "email": "nguyenvana@example.com",
        "phone": "+84 123 456 789",
        "summary": "Experienced Software Engineer...",
        "skill": ["Go", "Python"],
        "education": {
            "degree": "Bachelor of Computer Science",
            "institution": "UIT - VNU-HCM",
            "graduation_year": "2020",
        },
        "experience": {
            "title": "Senior Backend Developer",
            "company": "Tech Corp",
            "duration": "2020-2024",
            "responsibilities": ["Design microservices"],
            "achievements": ["Reduced latency by 50%"],
        },
        "certifications": ["AWS Certified Developer"],
        "languages": ["Vietnamese", "English"],
    }


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        (["2015-2018", "2019-2021"], 1),
        (["2019-2021", "2015 - Present"], 1),
        (["2018-2020", "2016-2020"], 0),  # a tie: the first listed
        (["", "2001"], 1),
        (["no year at all", ""], 0),
        (["2020 - hiện tại", "2023 - 2024"], 0),
        (["2021 -", "2020 - 2024"], 0),
    ],
)
def test_the_most_recent_post_is_kept(durations: list[str], expected: int) -> None:
    posts = [{"title": str(n), "duration": text} for n, text in enumerate(durations)]
    assert resume_detail({"experience": posts})["experience"]["title"] == str(expected)


@pytest.mark.parametrize(
    ("years", "expected"),
    [([2010, 2014], 1), (["2014", 2010], 0), ([2014, 2014], 0), ([None, 2001], 1), ([True, 1], 0)],
)
def test_the_most_recent_education_is_kept(years: list[object], expected: int) -> None:
    entries = [{"degree": str(n), "graduation_year": year} for n, year in enumerate(years)]
    assert resume_detail({"education": entries})["education"]["degree"] == str(expected)


@given(cv_like | json_values)
def test_whatever_the_parser_sends_the_stored_shape_is_complete(cv_data: object) -> None:
    detail = resume_detail(cv_data)
    empty = resume_detail(None)
    assert detail.keys() == empty.keys()
    assert detail["education"].keys() == empty["education"].keys()
    assert detail["experience"].keys() == empty["experience"].keys()
    for name, value in detail.items():
        assert isinstance(value, type(empty[name]))


@given(json_values)
def test_what_is_stored_can_be_encoded(value: object) -> None:
    json.dumps(storable(value), ensure_ascii=False).encode()


def test_a_surrogate_pair_becomes_its_character() -> None:
    assert storable({"a": ["\ud83d\ude00", "\ud83d"]}) == {"a": ["😀", "\ufffd"]}


def test_what_is_nested_too_deep_to_be_walked_through_is_refused() -> None:
    nested: object = "A"
    for _ in range(101):
        nested = [nested]

    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        storable(nested)
    storable(nested[0])  # type: ignore[index]
