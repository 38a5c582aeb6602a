from resume_parser.sections import OTHER, PREAMBLE, split_sections
from tests.unit.resume_parser.pages import BODY, BOLD, HEADING, blocks, texts


def test_sections_run_from_heading_to_heading() -> None:
    document = split_sections(
        blocks(("An Name", HEADING), ("Skills", HEADING), "Java", ("Education", HEADING), "School")
    )

    assert [(part.kind, texts(part.lines)) for part in document.sections] == [
        (PREAMBLE, ["An Name"]),
        ("skills", ["Java"]),
        ("education", ["School"]),
    ]


def test_a_smaller_heading_is_a_group_inside_its_section() -> None:
    document = split_sections(blocks(("Skills", HEADING), ("Languages", BOLD), "Java, Go"))

    assert texts(document.lines("skills")) == ["Languages", "Java, Go"]


def test_a_line_that_looks_like_the_headings_ends_a_section() -> None:
    document = split_sections(
        blocks(
            ("Skills", HEADING),
            "Java",
            ("Education", HEADING),
            "School",
            ("Featured Projects", HEADING),
            "A site",
            ("Odds and Ends", HEADING),
            "Bits",
        )
    )

    assert texts(document.lines("education")) == ["School"]
    assert texts(document.lines("projects")) == ["A site"]
    assert texts(document.lines(OTHER)) == ["Bits"]


def test_what_stands_beside_a_heading_in_the_margin_belongs_to_its_section() -> None:
    document = split_sections(blocks(("SKILLS\tJava, Go", BODY)))

    assert texts(document.lines("skills")) == ["Java, Go"]
