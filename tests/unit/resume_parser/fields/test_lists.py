"""Skills, languages, certifications and the summary: the fields that are lists or a text."""

from resume_parser.fields.certifications import find_certifications
from resume_parser.fields.languages import find_languages
from resume_parser.fields.skills import find_skills
from resume_parser.fields.summary import find_summary
from resume_parser.sections import split_sections
from tests.unit.resume_parser.pages import BOLD, HEADING, blocks, lines


def test_skills_of_labelled_lists_lose_their_labels() -> None:
    rows = lines("Backend: Java, Spring (Boot, Cloud),", "Kafka", "Data (Advanced): SQL | dbt")

    assert find_skills(rows) == ["Java", "Spring (Boot, Cloud)", "Kafka", "SQL", "dbt"]


def test_skills_in_boxes_or_items_are_taken_one_by_one() -> None:
    assert find_skills(lines("\u2022 Machine learning", "\u2022 Go", "\u2022 go")) == [
        "Machine learning",
        "Go",
    ]
    assert find_skills(lines("Java\tTailwind CSS")) == ["Java", "Tailwind CSS"]


def test_skills_have_neither_group_names_nor_levels_nor_sentences() -> None:
    rows = lines(("Frontend", BOLD), "React (Expert), Vue", ("Backend", BOLD), "Go, Advanced")

    assert find_skills(rows) == ["React", "Vue", "Go"]
    assert find_skills(lines("I have worked with many tools over the years of my life")) == []


def test_languages_come_with_their_levels() -> None:
    rows = lines("Tiếng Việt - Bản ngữ", "English (IELTS 7.5), German: B2", "Klingon - fluent")

    assert find_languages(rows, []) == [
        "Tiếng Việt (Bản ngữ)",
        "English (IELTS 7.5)",
        "German (B2)",
        "Klingon (fluent)",
    ]


def test_the_level_may_stand_under_the_language() -> None:
    assert find_languages(lines("French", "Native speaker"), []) == ["French (Native speaker)"]


def test_languages_of_a_header_line_count_when_there_is_no_section() -> None:
    assert find_languages([], lines("An Engineer", "English, Spanish")) == ["English", "Spanish"]
    assert find_languages([], lines("English teacher, Hanoi")) == []


def test_certificates_are_listed_without_dates_and_small_print() -> None:
    assert find_certifications(lines("\u2022 CKA (CNCF, 2023)", "\u2022 CPA 2019")) == [
        "CKA (CNCF)",
        "CPA",
    ]
    rows = lines(("CKA", BOLD), "Issued by CNCF", "2023-07", ("CPA", BOLD), "New York", "2019-01")
    assert find_certifications(rows) == ["CKA", "CPA"]


def test_the_summary_is_its_section_or_the_first_sentences() -> None:
    text = "I have built quiet and boring systems for ten years and like it that way."

    assert find_summary(split_sections(blocks(("Profile", HEADING), text))) == text
    assert find_summary(split_sections(blocks(("An Name", HEADING), text))) == text
    assert find_summary(split_sections(blocks(("An Name", HEADING), "Engineer"))) == ""
