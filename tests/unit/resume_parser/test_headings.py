import pytest

from resume_parser.headings import heading_kind
from resume_parser.lexicon import groups


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("WORK EXPERIENCE", "experience"),
        ("Kinh nghiệm làm việc:", "experience"),
        ("Berufserfahrung", "experience"),
        ("Expériences professionnelles", "experience"),
        ("Experiencia laboral", "experience"),
        ("2. Education", "education"),
        ("Skills & Languages", "skills"),
        ("S K I L L S", "skills"),
        ("Chứng chỉ", "certifications"),
        ("Centres d\u2019intérêt", "interests"),
    ],
)
def test_headings_are_known_in_five_languages(text: str, kind: str) -> None:
    assert heading_kind(text) == kind


@pytest.mark.parametrize("text", ["", "Engineer", "and", "Experience in sales", "x" * 500])
def test_other_lines_are_no_headings(text: str) -> None:
    assert heading_kind(text) is None


def test_each_heading_opens_one_section() -> None:
    entries = [entry for words in groups("headings.txt").values() for entry in set(words)]

    assert len(entries) == len(set(entries))
    assert all(entries)
