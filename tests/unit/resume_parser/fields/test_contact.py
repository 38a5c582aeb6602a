import pytest

from resume_parser.fields.contact import find_email, find_name, find_phone
from tests.unit.resume_parser.pages import BODY, HEADING, lines

LARGE = HEADING._replace(size=24)


@pytest.mark.parametrize(
    ("rows", "email"),
    [
        (["E-mail: an.le@example.com"], "an.le@example.com"),
        (["robert.tables@exampl", "e.com"], "robert.tables@example.com"),
        (["jane@example.", "com"], "jane@example.com"),
        (["jane@example.co", "m"], "jane@example.com"),
        (["jane@example.com", "Hanoi"], "jane@example.com"),
        (["@example", "no address"], ""),
    ],
)
def test_an_address_is_found_even_when_a_narrow_column_breaks_it(
    rows: list[str], email: str
) -> None:
    assert find_email(lines(*rows)) == email


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("Phone: +1 (555) 123-4567", "+1 (555) 123-4567"),
        ("(+84) 909 000 543 | Hanoi", "(+84) 909 000 543"),
        ("0912.345.678", "0912.345.678"),
        ("+49 170/1234567", "+49 170/1234567"),
        ("06 12 34 56 78", "06 12 34 56 78"),
        ("2013 - 2018", ""),
        ("03/2019 - 05/2021", ""),
        ("12345", ""),
        ("https://example.com/1234567890", ""),
    ],
)
def test_a_phone_number_is_kept_as_printed(text: str, phone: str) -> None:
    assert find_phone(lines(text)) == phone


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([("Nguyễn Thị Lan", LARGE), "Engineer"], "Nguyễn Thị Lan"),
        ([("Jane", LARGE), ("Developer", LARGE), "Engineer"], "Jane Developer"),
        ([("Robert Patel, Senior Controller", LARGE)], "Robert Patel"),
        ([("Lebenslauf", LARGE), "Name: Jürgen Weiß"], "Jürgen Weiß"),
        ([("jane@example.com", LARGE), ("Jane Doe", BODY)], "Jane Doe"),
        (["2019"], ""),
    ],
)
def test_the_name_is_labelled_or_in_the_largest_type(rows: list[object], name: str) -> None:
    assert find_name(lines(*rows)) == name  # type: ignore[arg-type]
