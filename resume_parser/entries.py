"""Paragraphs of an experience or education section -> one entry for each job or degree. Pure.

Every entry has a head (title, company, dates, place) and a body (what was done there). Entries of
one resume look alike, so the first one's look, or its shape round the dates, finds the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from resume_parser.lexicon import by_entry
from resume_parser.paragraphs import Paragraph
from resume_parser.text import fold
from resume_parser.words import Style

_SAME_INDENT_PT = 4.0
_MAX_HEAD_WORDS = 14
_MAX_HEAD_LINES = 6
_MAX_TITLE_WORDS = 8
_MAX_ABBREVIATED_WORDS = 4
_MAX_LINES_BEFORE_DATES = 3


@dataclass(frozen=True)
class Entry:
    """One job or degree."""

    head: list[Paragraph]
    body: list[Paragraph]


def split_entries(paragraphs: Sequence[Paragraph]) -> list[Entry]:
    """Return the entries of a section in the order in which they are printed."""
    paragraphs = _join_years(paragraphs)
    if not paragraphs:
        return []
    starts = _starts_by_look(paragraphs) or _starts_by_dates(paragraphs)
    bounds = [*starts, len(paragraphs)]
    return [_entry(paragraphs[start:end]) for start, end in pairwise(bounds)]


def _join_years(paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """Join a lone date and another in the next line: the start and the end of one period."""
    joined: list[Paragraph] = []
    for paragraph in paragraphs:
        above = joined[-1] if joined else None
        if above and _is_lone_date(above) and _is_lone_date(paragraph):
            joined[-1] = Paragraph(above.lines + paragraph.lines, joint=" - ")
        else:
            joined.append(paragraph)
    return joined


def _is_lone_date(paragraph: Paragraph) -> bool:
    period = paragraph.period
    return period is not None and period.last is None and _is_dates_only(paragraph)


def is_label(text: str) -> bool:
    """True for a line that only announces the list under it, such as `Highlights`."""
    return fold(text) in by_entry("labels.txt")


def _is_anchor(paragraph: Paragraph, body: Style | None) -> bool:
    """True for the paragraph that dates an entry."""
    if paragraph.period is None:
        return False
    if paragraph.is_bullet and paragraph.style == body:
        return False
    words = len(paragraph.undated.split())
    return words <= _MAX_HEAD_WORDS and not _ends_sentence(paragraph)


def _body_style(paragraphs: Sequence[Paragraph]) -> Style | None:
    """Return the style of the longer texts: list items and sentences."""
    weights: Counter[Style] = Counter()
    for paragraph in paragraphs:
        words = len(paragraph.text.split())
        if words > _MAX_HEAD_WORDS // 2 and not paragraph.period:
            weights[paragraph.style] += words
    return weights.most_common(1)[0][0] if weights else None


def _starts_by_look(paragraphs: Sequence[Paragraph]) -> list[int]:
    """Return where paragraphs look like the first one, if that sets them apart from the text."""
    first = paragraphs[0]
    body = _body_style(paragraphs)
    if first.style == body:
        return []
    dated = [_is_anchor(paragraph, body) for paragraph in paragraphs]
    starts = [0]
    for index in range(1, len(paragraphs)):
        is_complete = any(dated[starts[-1] : index]) or not any(dated)
        if is_complete and _looks_alike(first, paragraphs[index]):
            head = index + _head_length(paragraphs[index:])
            if any(dated[index:head]) or not any(dated):
                starts.append(index)
    return starts if len(starts) * 2 > sum(dated) else []


def _looks_alike(first: Paragraph, other: Paragraph) -> bool:
    return (
        other.style == first.style
        and other.is_bullet == first.is_bullet
        and abs(other.x0 - first.x0) <= _SAME_INDENT_PT
        and len(other.text.split()) <= _MAX_HEAD_WORDS + 6
    )


def _starts_by_dates(paragraphs: Sequence[Paragraph]) -> list[int]:
    """Return where entries start if each has as many lines before its dates as the first one."""
    body = _body_style(paragraphs) if any(p.is_bullet for p in paragraphs) else None
    anchors = [i for i, paragraph in enumerate(paragraphs) if _is_anchor(paragraph, body)]
    if not anchors:
        return [0]
    lead = anchors[0] if anchors[0] <= _MAX_LINES_BEFORE_DATES else 0
    starts = [0]
    for before, anchor in pairwise(anchors):
        start = anchor
        while start > max(before + 1, anchor - lead) and not paragraphs[start - 1].is_bullet:
            start -= 1
        if start > starts[-1]:
            starts.append(start)
    return starts


def _entry(paragraphs: Sequence[Paragraph]) -> Entry:
    end = _head_length(paragraphs)
    return Entry(list(paragraphs[:end]), list(paragraphs[end:]))


def _head_length(paragraphs: Sequence[Paragraph]) -> int:
    """Return how many paragraphs come before the first list item or sentence."""
    dated = paragraphs[0].period is not None
    for index, paragraph in enumerate(paragraphs[1:_MAX_HEAD_LINES], 1):
        if paragraph.is_bullet and not paragraphs[0].is_bullet:
            return index
        is_date = paragraph.period is not None and not dated
        # A long degree may stand between the institution and the dates.
        is_dated_below = not dated and any(map(_is_dates_only, paragraphs[index + 1 : index + 2]))
        if _is_sentence(paragraph) and not is_date and not is_dated_below:
            return index
        dated = dated or is_date
    return min(len(paragraphs), _MAX_HEAD_LINES)


def _is_dates_only(paragraph: Paragraph) -> bool:
    return paragraph.period is not None and not paragraph.undated


def _is_sentence(paragraph: Paragraph) -> bool:
    words = len(paragraph.text.split())
    if is_label(paragraph.text):
        return True
    return words > _MAX_TITLE_WORDS or _ends_sentence(paragraph)


def _ends_sentence(paragraph: Paragraph) -> bool:
    # Few words with a full stop are an abbreviation: `Example Inc.`
    return paragraph.text.endswith(".") and len(paragraph.text.split()) > _MAX_ABBREVIATED_WORDS
