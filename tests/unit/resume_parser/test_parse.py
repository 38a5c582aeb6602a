import json
from typing import get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

from resume_parser.parse import read_cv
from resume_parser.schema import CvData, Education, Experience
from resume_parser.text import MAX_ITEMS, MAX_PARAGRAPH_CHARS
from resume_parser.words import Style, Word
from tests.unit.resume_parser.pages import BOLD, HEADING, page

# Words that steer the parser into every field, and any others.
STEERING = [
    "Experience", "Education", "Skills", "Languages", "Certificates", "Summary", "2019", "-",
    "Present", "03/2020", "\u2022", "Engineer,", "GmbH", "University", "BSc", "GPA:", "3.5/4.0",
    "English", "(", ")", "|", "a@b.co", "+84", "912345678", "Name:", "\ue000", ",", ":", "Issued",
]  # fmt: skip
STYLES = st.builds(
    Style,
    size=st.sampled_from([0.0, 6.0, 10.0, 14.0, 500.0]),
    is_bold=st.booleans(),
    is_italic=st.booleans(),
    colour=st.just(0),
)
POSITIONS = st.integers(-100, 900).map(float)
WORDS = st.builds(
    lambda text, x, width, y, style: Word(text, x, x + width, y, style),
    st.sampled_from(STEERING) | st.text(st.characters(), min_size=1, max_size=8),
    POSITIONS,
    st.integers(0, 300).map(float),
    st.integers(0, 40).map(lambda row: row * 12.0),
    STYLES,
)


@settings(deadline=None)
@given(st.lists(st.lists(WORDS, max_size=60), max_size=3))
def test_any_page_gives_a_storable_answer_of_the_contracts_shape(pages: list[list[Word]]) -> None:
    cv_data = read_cv(pages)

    assert set(cv_data) == set(get_type_hints(CvData))
    assert all(set(entry) == set(get_type_hints(Education)) for entry in cv_data["education"])
    assert all(set(job) == set(get_type_hints(Experience)) for job in cv_data["experience"])
    json.dumps(cv_data, ensure_ascii=False, allow_nan=False).encode()
    assert len(cv_data["skills"]) <= MAX_ITEMS
    assert len(cv_data["summary"]) <= MAX_PARAGRAPH_CHARS


def test_a_plain_resume_is_read() -> None:
    cv_data = read_cv(
        [
            page(
                ("Trần Văn Mẫu", HEADING._replace(size=20)),
                "mau.tran@example.com | 0912 345 678",
                ("Kinh nghiệm làm việc", HEADING),
                ("Kỹ sư phần mềm\t06/2021 - nay", BOLD),
                "Công ty Ví Dụ",
                "\u2022 Viết phần mềm",
                ("Thành tích", BOLD),
                "\u2022 Giảm chi phí 20%",
                ("Học vấn", HEADING),
                ("Cử nhân Toán, Đại học Ví Dụ\t2014 - 2018", BOLD),
            )
        ]
    )

    assert cv_data["name"] == "Trần Văn Mẫu"
    assert (cv_data["email"], cv_data["phone"]) == ("mau.tran@example.com", "0912 345 678")
    assert cv_data["experience"] == [
        {
            "title": "Kỹ sư phần mềm",
            "company": "Công ty Ví Dụ",
            "duration": "2021-06 - Present",
            "responsibilities": ["Viết phần mềm"],
            "achievements": ["Giảm chi phí 20%"],
        }
    ]
    assert cv_data["education"] == [
        {
            "degree": "Cử nhân Toán",
            "institution": "Đại học Ví Dụ",
            "graduation_year": 2018,
            "gpa": None,
        }
    ]
