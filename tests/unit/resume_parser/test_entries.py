from resume_parser.entries import split_entries
from resume_parser.paragraphs import paragraphs
from tests.unit.resume_parser.pages import BOLD, lines


def heads(*rows: object) -> list[list[str]]:
    found = split_entries(paragraphs(lines(*rows)))  # type: ignore[arg-type]
    return [[paragraph.text for paragraph in entry.head] for entry in found]


def test_bold_first_lines_open_entries() -> None:
    assert heads(
        ("Engineer", BOLD),
        "Example Ltd",
        "2019 - 2020",
        "\u2022 Did a thing",
        ("Tester", BOLD),
        "Sample Ltd",
        "2017 - 2018",
        "\u2022 Did another",
    ) == [["Engineer", "Example Ltd", "2019 - 2020"], ["Tester", "Sample Ltd", "2017 - 2018"]]


def test_dates_open_entries_where_everything_looks_alike() -> None:
    assert heads(
        "Engineer",
        "Example Ltd",
        "2019 - 2020",
        "\u2022 Did a thing",
        "\u2022 And more",
        "Tester",
        "Sample Ltd",
        "2017 - 2018",
        "\u2022 Did another",
    ) == [["Engineer", "Example Ltd", "2019 - 2020"], ["Tester", "Sample Ltd", "2017 - 2018"]]


def test_a_bold_title_under_a_bold_company_is_no_entry_of_its_own() -> None:
    assert heads(("Example Ltd\t2019 - 2020", BOLD), ("Engineer", BOLD), "\u2022 Did a thing") == [
        ["Example Ltd 2019 - 2020", "Engineer"]
    ]


def test_two_years_under_each_other_are_one_period() -> None:
    assert heads("2012", "2016", "Example University") == [["2012 - 2016", "Example University"]]


def test_no_lines_make_no_entries() -> None:
    assert heads() == []
