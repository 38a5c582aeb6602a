import pytest

from resume_parser.fields.education import find_education
from tests.unit.resume_parser.pages import BOLD, lines


@pytest.mark.parametrize(
    ("rows", "gpa"),
    [
        ([("Example University\t2014 - 2018", BOLD), "Bachelor of Arts (GPA: 3.6/4.0)"], 3.6),
        ([("Bachelor of Arts, Example University", BOLD), "Sep 2014 - Jun 2018", "3.6/4.0"], 3.6),
        ([("Bachelor of Arts", BOLD), "Example University", "2014 - 2018", "Note: 1,7"], 1.7),
        ([("Example University", BOLD), "Bachelor of Arts", "2014 - 2018"], None),
    ],
)
def test_degree_institution_year_and_grade_are_told_apart(
    rows: list[object], gpa: float | None
) -> None:
    assert find_education(lines(*rows)) == [  # type: ignore[arg-type]
        {
            "degree": "Bachelor of Arts",
            "institution": "Example University",
            "graduation_year": 2018,
            "gpa": gpa,
        }
    ]


def test_the_field_of_study_belongs_to_the_degree_and_courses_do_not() -> None:
    (degree,) = find_education(
        lines(
            ("Trường Đại học Ví Dụ\t2013 - 2017", BOLD),
            "Kỹ sư, Khoa học Máy tính",
            "Môn học",
            "\u2022 Giải tích 1",
        )
    )

    assert degree["degree"] == "Kỹ sư, Khoa học Máy tính"


def test_studies_that_go_on_have_no_year_of_graduation() -> None:
    (degree,) = find_education(lines(("Master of Science, Example University\t2024 - now", BOLD)))

    assert degree["graduation_year"] is None
