"""Name, e-mail address and phone number. Pure."""

import re
from collections.abc import Iterable, Sequence

import phonenumbers

from resume_parser.dates import find_periods
from resume_parser.headings import heading_kind
from resume_parser.lexicon import contains
from resume_parser.text import DASHES, clean, trim
from resume_parser.words import Line

_EMAIL = re.compile(r"[\w.+'-]{1,64}@[\w-]+(?:\.[\w-]+)*\.?")
_TOP_LEVEL_DOMAIN = re.compile(r"\.[^\W\d_]{2,24}$")
_DOMAIN_END = re.compile(r"[a-z]{1,3}")
_DOMAIN_REST = re.compile(r"[\w-]*(?:\.[\w-]+)*")
_PHONE = re.compile(rf"(?<![\w/@.])(?:\+|\(\+?|00)?\d[\d\s()./{DASHES}]{{6,22}}\d(?!\w)")
_PHONE_REGIONS = ("VN", "US", "DE", "FR", "ES", "GB")
_NAME_LABEL = re.compile(
    r"^(?:full )?name\s*:|^họ (?:và )?tên\s*:|^nom\s*:|^nombre\s*:", re.IGNORECASE
)
_MAX_NAME_WORDS = 7
_MAX_BROKEN_NAME_WORDS = 4
_MAX_PHONE_DIGITS = 15
_MIN_PHONE_DIGITS = 8


def find_email(lines: Sequence[Line]) -> str:
    """Return the first address; one that a narrow column has broken in two is joined."""
    for index, line in enumerate(lines):
        match = _EMAIL.search(line.text)
        if not match:
            continue
        address = match[0]
        if line.text.endswith(address) and index + 1 < len(lines):
            address += _rest_of_address(address, lines[index + 1].text)
        return clean(address.strip(".'-"))
    return ""


def _rest_of_address(address: str, below: str) -> str:
    """Return the end of an address that stands in the next line."""
    if _TOP_LEVEL_DOMAIN.search(address):
        return below if _DOMAIN_END.fullmatch(below) else ""
    rest = _DOMAIN_REST.match(below)
    return rest[0] if rest else ""


def find_phone(lines: Sequence[Line]) -> str:
    """Return the first phone number as it is printed."""
    for line in lines:
        dates = [(period.start, period.end) for period in find_periods(line.text)]
        for match in _PHONE.finditer(line.text):
            start, end = match.span()
            if not any(start < date_end and date_start < end for date_start, date_end in dates):
                printed = trim(match[0])
                if _is_phone(printed):
                    return printed
    return ""


def _is_phone(printed: str) -> bool:
    digits = re.sub(r"\D", "", printed)
    if not _MIN_PHONE_DIGITS <= len(digits) <= _MAX_PHONE_DIGITS:
        return False
    for region in _PHONE_REGIONS:
        try:
            number = phonenumbers.parse(printed, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return True
    return False


def find_name(lines: Sequence[Line]) -> str:
    """Return the name: labelled as such, else in the largest type of the first page."""
    for line in lines:
        if _NAME_LABEL.search(line.text):
            return trim(line.text.split(":", 1)[1])
    first_page = [line for line in lines if line.page == lines[0].page]
    candidates = [
        piece for line in first_page for piece in line.pieces() if _may_be_name(piece.text)
    ]
    if not candidates:
        return ""
    size = max(candidate.style.size for candidate in candidates)
    largest = [candidate for candidate in candidates if candidate.style.size == size]
    return _without_title(" ".join(line.text for line in _same_run(largest)))


def _same_run(lines: Iterable[Line]) -> list[Line]:
    """Return the first line and those right under it: a name set over two or three lines."""
    run: list[Line] = []
    for line in lines:
        if run and not _is_right_under(run[-1], line):
            break
        run.append(line)
        if len(run) > 1 and sum(len(part.text.split()) for part in run) > _MAX_NAME_WORDS:
            return run[:-1]
    return run


def _is_right_under(above: Line, below: Line) -> bool:
    return (
        above.lead == below.lead
        and 0 < below.baseline - above.baseline < above.lead.size * 1.6
        and len(above.text.split()) + len(below.text.split()) <= _MAX_BROKEN_NAME_WORDS
    )


def _may_be_name(text: str) -> bool:
    name = text.split(",", maxsplit=1)[0]
    return (
        re.search(r"[^\W\d_]", text) is not None
        and re.search(r"[\d@/|<>%]|https?:|www\.", name) is None
        and len(name.split()) <= _MAX_NAME_WORDS
        and heading_kind(text) is None
        and not text.endswith((".", ":"))
    )


def _without_title(text: str) -> str:
    """Drop a job title that follows the name after a comma or dash."""
    name, *rest = re.split(rf"\s*(?:,|\||\s[{DASHES}]\s)\s*", text, maxsplit=1)
    is_title = rest and (contains(rest[0], "titles.txt", "title") or len(rest[0].split()) > 1)
    return trim(name if is_title else text, 100)
