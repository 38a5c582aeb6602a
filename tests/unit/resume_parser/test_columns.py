from resume_parser.columns import reading_order
from tests.unit.resume_parser.pages import BODY, HEADING, page, texts, words

SIDEBAR = [
    ("CONTACT", HEADING), ("a@example.com", BODY), ("SKILLS", HEADING), ("Java", BODY),
    ("Kotlin", BODY), ("Python", BODY), ("Docker", BODY), ("LANGUAGES", HEADING),
]  # fmt: skip
MAIN = [
    ("EXPERIENCE", HEADING), ("Engineer at a company", BODY), ("who builds things", BODY),
    ("in five cities", BODY), ("EDUCATION", HEADING), ("Bachelor of Arts", BODY),
]  # fmt: skip


def test_a_sidebar_and_the_text_beside_it_are_read_one_after_the_other() -> None:
    blocks = reading_order([page(*SIDEBAR) + page(*MAIN, x=300)])

    assert [texts(block.lines) for block in blocks] == [
        [text for text, _ in SIDEBAR],
        [text for text, _ in MAIN],
    ]


def test_columns_go_on_over_the_page() -> None:
    second_sidebar, second_main = page("English", "German"), page("A thesis", "and more", x=300)

    blocks = reading_order([page(*SIDEBAR) + page(*MAIN, x=300), second_sidebar + second_main])

    assert texts(blocks[0].lines)[-3:] == ["LANGUAGES", "English", "German"]
    assert texts(blocks[1].lines)[-2:] == ["A thesis", "and more"]


def test_dates_at_the_right_edge_stay_in_their_lines() -> None:
    rows = [f"Job number {number}\tJan 201{number} - Dec 201{number}" for number in range(6)]

    (block,) = reading_order([page(*rows)])

    assert texts(block.lines) == [row.replace("\t", " ") for row in rows]


def test_headings_in_the_margin_stay_beside_their_sections() -> None:
    labels = page("SUMMARY", "EXPERIENCE", "EDUCATION", "SKILLS", "LANGUAGES")
    content = page("I build things", "Engineer", "A school", "Java", "English", x=200)

    (block,) = reading_order([labels + content])

    assert texts(block.lines)[0] == "SUMMARY I build things"


def test_words_drawn_in_any_order_make_the_same_line() -> None:
    row = words("one two three", 50, 100)

    (block,) = reading_order([row[::-1]])

    assert texts(block.lines) == ["one two three"]


def test_markers_alone_and_ornaments_are_dropped() -> None:
    ornament = words("\N{LEFT DOUBLE QUOTATION MARK}", 40, 60, BODY._replace(size=40))

    (block,) = reading_order([ornament + words("\u2022", 50, 200) + words("text here", 60, 300)])

    assert texts(block.lines) == ["text here"]


def test_blank_pages_make_no_blocks() -> None:
    assert reading_order([[], []]) == []
