"""Lines of a section -> paragraphs: wrapped lines joined, list items told apart. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from resume_parser.dates import Period, find_period, is_mostly_date, without_dates
from resume_parser.lexicon import contains
from resume_parser.text import join_lines
from resume_parser.words import Line, Style

_SAME_INDENT_PT = 3.0
_ITEM_INDENT_PT = 8.0
# Lines of one paragraph are set closer than paragraphs are.
_SAME_LEADING = 1.12
_USUAL_LEADING_EM = 1.5
_HANGING_LEADING_EM = 2.2
_MIN_WRAPPED_WORDS = 4


@dataclass(frozen=True)
class Paragraph:
    """A list item, a sentence over several lines, or a line on its own."""

    lines: tuple[Line, ...]
    joint: str = ""

    @cached_property
    def text(self) -> str:
        """The whole paragraph as one line of text."""
        texts = [line.text for line in self.lines]
        return self.joint.join(texts) if self.joint else join_lines(texts)

    @property
    def is_bullet(self) -> bool:
        """True for a list item with a marker."""
        return self.lines[0].is_bullet

    @property
    def style(self) -> Style:
        """The style in which it begins."""
        return self.lines[0].lead

    @property
    def x0(self) -> float:
        """Where its first line begins."""
        return self.lines[0].x0

    @cached_property
    def period(self) -> Period | None:
        """The period it gives, if any."""
        return find_period(self.text)

    @cached_property
    def undated(self) -> str:
        """The text without its dates."""
        return without_dates(self.text)


def paragraphs(lines: Sequence[Line]) -> list[Paragraph]:
    """Join the lines that a page's width has broken."""
    indent = min((line.x0 for line in lines), default=0.0)
    layout = _Layout(_leadings(lines), indent)
    groups: list[list[Line]] = []
    for line in lines:
        if groups and layout.continues(groups[-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [Paragraph(tuple(group)) for group in groups]


def _leadings(lines: Sequence[Line]) -> dict[tuple[int, float], float]:
    """Return the smallest distance of two lines under each other, for each indent and size."""
    leadings: dict[tuple[int, float], float] = {}
    for above, below in pairwise(lines):
        gap = below.baseline - above.baseline
        key = _indent_and_size(below)
        if above.page == below.page and gap > 0 and _indent_and_size(above) == key:
            leadings[key] = min(gap, leadings.get(key, gap))
    return leadings


def _indent_and_size(line: Line) -> tuple[int, float]:
    return round(line.x0), line.style.size


@dataclass(frozen=True)
class _Layout:
    """How the lines of one section are set."""

    leadings: dict[tuple[int, float], float]
    indent: float

    def continues(self, group: Sequence[Line], line: Line) -> bool:
        """True when `line` is the next line of the paragraph that `group` is so far."""
        first, above = group[0], group[-1].pieces()[-1]
        if line.is_bullet or not _is_alike(above, line):
            return False
        is_over_page = line.page != above.page
        gap = line.baseline - above.baseline
        if first.is_bullet:
            is_near = is_over_page or gap < _HANGING_LEADING_EM * line.style.size
            return is_near and _hangs_under(first, line)
        if abs(line.x0 - above.x0) > _SAME_INDENT_PT:
            return False
        leading = self.leadings.get(_indent_and_size(line), line.style.size * _USUAL_LEADING_EM)
        is_near = is_over_page or gap <= leading * _SAME_LEADING
        return is_near and self._is_broken(above, line)

    def _is_broken(self, above: Line, below: Line) -> bool:
        """True when `below` is a new line for want of room, or in the middle of a sentence."""
        words = above.text.split()
        if above.text.endswith((",", "-")) or (below.text[:1].islower() and len(words) > 1):
            return True
        has_no_room = above.x1 + below.words[0].x1 - below.words[0].x0 > above.right_edge
        if below.x0 > self.indent + _ITEM_INDENT_PT and _is_capitalised(below.text):
            # A list whose markers are drawn, not written: its items begin with a capital.
            return has_no_room and contains(words[-1], "labels.txt", "open")
        # Where all lines are short, a title reaches as far to the right as any.
        return has_no_room and len(words) >= _MIN_WRAPPED_WORDS


def _is_alike(above: Line, below: Line) -> bool:
    """True when one text could run from `above` into `below`."""
    if not above.text or not below.text or is_mostly_date(above.text) or is_mostly_date(below.text):
        return False
    last, first = above.words[-1].style, below.words[0].style
    return abs(first.size - last.size) <= 1 and first.is_bold == last.is_bold


def _hangs_under(item: Line, line: Line) -> bool:
    """True when `line` stands under the item's text, or under its marker in mid-sentence."""
    if line.x0 >= item.x0 - _SAME_INDENT_PT:
        return True
    return line.x0 >= item.words[0].x0 - _SAME_INDENT_PT and line.text[:1].islower()


def _is_capitalised(text: str) -> bool:
    return text[:1].isupper() and not text.isupper()
