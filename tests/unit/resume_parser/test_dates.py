import pytest
from hypothesis import given
from hypothesis import strategies as st

from resume_parser.dates import find_period, is_mostly_date, without_dates


@pytest.mark.parametrize(
    ("printed", "period"),
    [
        ("Mar 2021 - Present", "2021-03 - Present"),
        ("March 2021 \u2013 Feb. 2022", "2021-03 - 2022-02"),
        ("Aug, 2024 - Apr, 2025", "2024-08 - 2025-04"),
        ("06/2021 \u2013 Hiện tại", "2021-06 - Present"),
        ("Tháng 6/2019 đến tháng 12/2020", "2019-06 - 2020-12"),
        ("từ 03/2020 đến nay", "2020-03 - Present"),
        ("März 2018 bis heute", "2018-03 - Present"),
        ("seit 10/2019", "2019-10 - Present"),
        ("01.09.2015 - 31.07.2018", "2015-09 - 2018-07"),
        ("septembre 2016 à décembre 2019", "2016-09 - 2019-12"),
        ("depuis janvier 2020", "2020-01 - Present"),
        ("enero de 2018 - actualidad", "2018-01 - Present"),
        ("2013-12-01 \u2014 2014-12-01", "2013-12 - 2014-12"),
        ("2012 - 2016", "2012 - 2016"),
        ("Summer 2020", "2020"),
        ("15 June 2021", "2021-06"),
    ],
)
def test_periods_are_found_as_people_print_them(printed: str, period: str) -> None:
    assert str(find_period(f"Engineer, Example  {printed}")) == period
    assert without_dates(printed) == ""


@pytest.mark.parametrize(
    "text", ["CS2011 Java", "grew 2019% in a year", "0912 000 468", "version 1.20101", ""]
)
def test_other_numbers_are_no_dates(text: str) -> None:
    assert find_period(text) is None
    assert without_dates(text) == text


def test_a_range_wins_over_a_lone_date_before_it() -> None:
    assert str(find_period("Best of 2015, 2017 - 2019")) == "2017 - 2019"


def test_the_length_of_time_beside_a_period_goes_with_it() -> None:
    assert without_dates("Tester 07/2019 - 03/2022 (2 năm 8 tháng)") == "Tester"
    assert without_dates("Certificate (Example Ltd, 2023)") == "Certificate (Example Ltd)"


def test_a_line_of_dates_is_told_from_a_sentence_with_one() -> None:
    assert is_mostly_date("Jan 2018 - May 2019")
    assert not is_mostly_date("Led the move to Kafka in 2019")


@given(st.text(max_size=300))
def test_any_text_is_searched_without_failing(text: str) -> None:
    period = find_period(text)

    assert period is None or 0 <= period.start < period.end <= len(text)
    assert find_period(without_dates(text)) is None or period is not None
