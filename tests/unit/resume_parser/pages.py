"""Pages for tests of the pure parts: words with positions, without a PDF."""

from collections.abc import Iterable

from resume_parser.columns import Block, reading_order
from resume_parser.words import Line, Style, Word

BODY = Style(size=10, is_bold=False, is_italic=False, colour=0)
BOLD = BODY._replace(is_bold=True)
HEADING = BOLD._replace(size=14)
LEADING_PT = 14.0
_ADVANCE_EM = 0.5


def words(text: str, x: float, baseline: float, style: Style = BODY) -> list[Word]:
    """Return the words of one line as they stand on a page."""
    placed = []
    for part in text.split():
        width = len(part) * style.size * _ADVANCE_EM
        placed.append(Word(part, x, x + width, baseline, style))
        x += width + style.size * 0.3
    return placed


def line(text: str, x: float = 50, baseline: float = 0, style: Style = BODY) -> Line:
    """Return one line."""
    return Line(tuple(words(text, x, baseline, style)))


def lines(*rows: str | tuple[str, Style]) -> list[Line]:
    """Return the lines of one column; a bare string is body text."""
    return [item for block in blocks(*rows) for item in block.lines]


def blocks(*rows: str | tuple[str, Style]) -> list[Block]:
    """Return the one-column page of these rows in reading order."""
    return reading_order([page(*rows)])


def page(*rows: str | tuple[str, Style], x: float = 50) -> list[Word]:
    """Return a page's words; the part after a tab stands at the right edge."""
    placed: list[Word] = []
    for number, row in enumerate(rows):
        text, style = (row, BODY) if isinstance(row, str) else row
        left, _, right = text.partition("\t")
        baseline = 100 + number * LEADING_PT
        placed += words(left, x, baseline, style)
        placed += words(right, 430, baseline, BODY)
    return placed


def texts(column: Iterable[Line]) -> list[str]:
    """Return what the lines say."""
    return [item.text for item in column]
