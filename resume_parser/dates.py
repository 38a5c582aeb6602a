"""Find dates and periods in a line, in five languages. Pure.

Months matter only to order entries and to print a period the same way for every reader:
`YYYY-MM - YYYY-MM`, `YYYY - Present`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from resume_parser.lexicon import groups
from resume_parser.text import DASHES, clean

PRESENT = "Present"
_MOSTLY = 0.5
_MONTHS = range(1, 13)
_LENGTH = re.compile(
    r"[(·•,]?\s*\b\d+\+?\s*(?:years?|yrs?|months?|mos?|năm|tháng|jahre?n?|monate?n?|ans?|mois|años?"
    r"|mes(?:es)?)\b\.?\)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when; a lone date has no end. `start` and `end` index the line's text."""

    first: str
    last: str | None
    start: int
    end: int

    @property
    def last_year(self) -> int | None:
        """The year in which it ended, None while it goes on."""
        date = self.last or self.first
        return None if date == PRESENT else int(date[:4])

    def __str__(self) -> str:
        return self.first if self.last is None else f"{self.first} - {self.last}"


def find_period(text: str) -> Period | None:
    """Return the first period in `text`, else its first date."""
    periods = list(find_periods(text))
    return next((period for period in periods if period.last), periods[0] if periods else None)


def find_periods(text: str) -> list[Period]:
    """Return every period and lone date of `text`, left to right."""
    return [_period(match) for match in _period_pattern().finditer(text)]


def without_dates(text: str) -> str:
    """Return `text` without its dates and the lengths of time printed beside them."""
    rest = _LENGTH.sub(" ", _period_pattern().sub(" ", text))
    without_empty = re.sub(rf"[(\[][\s,.;{DASHES}]*[)\]]", " ", rest)
    return clean(re.sub(r"[\s,;]+(?=[)\]])", "", without_empty))


@lru_cache(maxsize=8192)
def is_mostly_date(text: str) -> bool:
    """True for a line that gives a date and little else."""
    letters = len(re.sub(r"\W", "", text))
    rest = len(re.sub(r"\W", "", without_dates(text)))
    return letters > 0 and rest < _MOSTLY * letters and bool(find_periods(text))


def _period(match: re.Match[str]) -> Period:
    first = _iso(match["first"])
    if match["since"] and not match["last"]:
        return Period(first, PRESENT, match.start(), match.end())
    last = _iso(match["last"]) if match["last"] else None
    return Period(first, last, match.start(), match.end())


def _iso(date: str) -> str:
    """Return a matched date as YYYY-MM, or YYYY where no month is printed."""
    found = re.search(r"(?:19|20)\d\d", date)
    if not found:
        return PRESENT
    rest = date[: found.start()] + " " + date[found.end() :]
    month = _month(rest)
    return f"{found[0]}-{month:02}" if month else found[0]


def _month(rest: str) -> int | None:
    """Return the month in what stands before or after the year of a date."""
    for word in re.findall(r"[^\W\d_]+", rest.casefold()):
        if word in _month_numbers():
            return _month_numbers()[word]
    numbers = re.findall(r"\d+", rest)
    if not numbers:
        return None
    # The month stands next to the year: in DD/MM/YYYY last, in YYYY-MM-DD first.
    month = int(numbers[0] if rest.startswith(" ") else numbers[-1])
    return month if month in _MONTHS else None


@cache
def _month_numbers() -> dict[str, int]:
    found = groups("months.txt")
    return {word: int(name) for name, words in found.items() if name.isdigit() for word in words}


def _alternatives(words: Iterable[str]) -> str:
    ordered = sorted(words, key=len, reverse=True)
    # Folded entries have lost their apostrophes.
    return "|".join(re.escape(word).replace(r"\ ", r"['\u2019\s]+") for word in ordered)


@cache
def _period_pattern() -> re.Pattern[str]:
    words = groups("months.txt")
    year = r"(?<![\w/.,])(?:19|20)\d\d(?![\d%])"
    day = r"\d{1,2}(?:st|nd|rd|th|er)?\.?\s+(?:de\s+)?"
    month = rf"\b(?:{_alternatives(_month_numbers())})\b\.?"
    forms = (
        rf"(?:{day})?{month}(?:\s+\d{{1,2}})?[\s,/\u2019'-]*(?:del?\s+)?{year}",  # 1 May 2020
        r"(?<!\d)(?:(?:tháng|thg|T)\s*)?(?:\d{1,2}[/.-])?(?:0?[1-9]|1[0-2])\s*[/.-]\s*(?:19|20)\d\d(?!\d)",
        r"tháng\s+\d{1,2}\s*(?:,|năm)?\s*(?:19|20)\d\d",
        r"(?<!\d)(?:19|20)\d\d[-/.](?:0[1-9]|1[0-2])(?:[-/.]\d\d)?(?!\d)",  # 2020-05-01
        rf"(?:(?:spring|summer|fall|autumn|winter)\s+)?{year}",
    )
    date = f"(?:{'|'.join(forms)})"
    since = rf"\b(?:{_alternatives(words['since'])})\s+"
    present = rf"\b(?:{_alternatives(words['present'])})\b"
    to = rf"\s*(?:[~→{DASHES}]+|\b(?:to|until|till|đến|tới|bis|à|au|a|al|hasta)\b)\s*"
    last = rf"(?:{since})?(?:la\s+|el\s+|le\s+|zum\s+)?(?P<last>{date}|{present})"
    return re.compile(rf"(?P<since>{since})?(?P<first>{date})(?:{to}{last})?", re.IGNORECASE)
