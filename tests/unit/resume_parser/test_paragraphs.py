from resume_parser.columns import reading_order
from resume_parser.paragraphs import paragraphs
from tests.unit.resume_parser.pages import line, lines, page

FULL = "Word " * 12  # reaches the margin


def test_a_list_item_goes_on_under_its_text() -> None:
    rows = [
        line("\u2022 first item of", 50, 100),
        line("the list", 58, 114),
        line("\u2022 b", 50, 128),
    ]

    assert [item.text for item in paragraphs(rows)] == ["first item of the list", "b"]


def test_a_full_line_goes_on_in_the_next() -> None:
    assert len(paragraphs(lines(FULL, "Then a short one", "Another"))) == 2


def test_a_short_line_ends_its_paragraph() -> None:
    assert len(paragraphs(lines("Engineer", "Example Ltd", FULL))) == 3


def test_indented_items_without_markers_begin_with_a_capital() -> None:
    title = page("Title")
    items = page("", FULL, "Another item", FULL + "of", "Kafka", x=70)

    (block,) = reading_order([title + items])

    assert [len(item.lines) for item in paragraphs(block.lines)] == [1, 1, 1, 2]
