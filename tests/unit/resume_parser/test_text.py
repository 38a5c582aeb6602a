import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resume_parser.text import MAX_ITEMS, clean, fold, join_lines, trim, unique

# Lone surrogates too: a broken font map can produce any code point.
ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)


@given(ANY_TEXT)
def test_whatever_is_cleaned_can_be_stored_and_shown(text: str) -> None:
    cleaned = clean(text, 50)

    assert len(cleaned) <= 50
    assert cleaned.encode().decode() == cleaned == unicodedata.normalize("NFC", cleaned)
    assert not any(unicodedata.category(char)[0] == "C" for char in cleaned)
    assert cleaned == cleaned.strip()


@given(ANY_TEXT)
def test_trimming_and_folding_never_fail(text: str) -> None:
    assert trim(text) in clean(text)
    assert fold(text) == fold(fold(text))


@pytest.mark.parametrize(
    ("printed", "trimmed"),
    [
        ("• Engineer, ", "Engineer"),
        ("Engineer)", "Engineer"),
        ("(Engineer", "Engineer"),
        ("Engineer (Contract)", "Engineer (Contract)"),
        ("— Ha\u0300 No\u0323\u0302i |", "Hà Nội"),
        ("a\x00b\u200bc", "abc"),
    ],
)
def test_separators_and_lone_brackets_are_trimmed(printed: str, trimmed: str) -> None:
    assert trim(printed) == trimmed


def test_texts_are_kept_once_in_order() -> None:
    assert unique(["Go", "", "SQL", "go"]) == ["Go", "SQL"]
    assert len(unique(str(number) for number in range(MAX_ITEMS * 2))) == MAX_ITEMS


def test_a_hyphen_at_the_end_of_a_line_joins_its_word() -> None:
    assert join_lines(["a cross-", "browser site", "and more"]) == "a cross-browser site and more"
    assert join_lines(["a range 1 -", "browser"]) == "a range 1 - browser"
