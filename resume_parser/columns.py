"""Words of the pages -> blocks of lines in reading order.

Second hop. Pure. A block is a run of lines that are read one after the other: the whole width of a
page, or one column of it, continued over the pages. Columns are split only where both sides read
on their own: dates or labels beside a text belong to its lines.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from resume_parser.dates import is_mostly_date
from resume_parser.headings import heading_kind
from resume_parser.words import Line, Word, is_marker

_MIN_GUTTER_PT = 6.0
_SAME_GUTTER_PT = 15.0  # from one page to the next
_SAME_BASELINE_EM = 0.35
_WIDE_GAP_EM = 0.9  # wider than any space inside a justified line
# Less than this on either side is a table or an address, not a column.
_MIN_ROWS = 4
_MIN_HEADINGS = 2
# A column without a heading of its own must stand beside at least so much.
_MANY_ROWS = 10
_MOST = 0.5
_ORNAMENT = 2.0  # times the usual size, for a single character
_MAX_CANDIDATES = 60  # bounds the work on a hostile page


@dataclass
class Block:
    """Lines in reading order; `continues` when they go on where the block before ended."""

    lines: list[Line] = field(default_factory=list)
    continues: bool = False


@dataclass(frozen=True)
class _Split:
    """A page cut at the gutter `x`: two columns, and what crosses it above and below them."""

    x: float
    above: list[Line]
    left: list[Line]
    right: list[Line]
    below: list[Line]


def reading_order(pages: Sequence[Sequence[Word]]) -> list[Block]:
    """Return the blocks of the document, columns joined over the pages they run through."""
    blocks: list[Block] = []
    columns: tuple[Block, Block] | None = None
    gutter: float | None = None
    for number, words in enumerate(pages):
        split = _split(_atoms(words, number), gutter)
        gutter = split.x if split.left or split.right else None
        if split.above:
            blocks.append(Block(_lines(split.above), continues=bool(blocks)))
            columns = None
        if gutter is not None:
            if columns is None:
                columns = (Block(), Block())
                # The wide column last: what crosses both below it continues the main text.
                left_first = _width(split.left) <= _width(split.right)
                blocks.extend(columns if left_first else columns[::-1])
            columns[0].lines.extend(_lines(split.left))
            columns[1].lines.extend(_lines(split.right))
        if split.below or gutter is None:
            blocks.append(Block(_lines(split.below), continues=bool(blocks)))
            columns = None
    for block in blocks:
        right_edge = max((line.x1 for line in block.lines), default=0.0)
        block.lines = [replace(line, right_edge=right_edge) for line in block.lines]
    return [block for block in blocks if block.lines]


def _width(atoms: Sequence[Line]) -> float:
    return max((a.x1 for a in atoms), default=0) - min((a.words[0].x0 for a in atoms), default=0)


def _atoms(words: Sequence[Word], page: int) -> list[Line]:
    """Return the pieces of lines that have no wide gap inside, from top to bottom."""
    runs: list[list[Word]] = []
    sizes = sorted(word.style.size for word in words)
    for word in words:
        if len(word.text) == 1 and word.style.size > _ORNAMENT * sizes[len(sizes) // 2]:
            continue  # a large quotation mark or initial
        if runs and _follows(runs[-1][-1], word):
            runs[-1].append(word)
        else:
            runs.append([word])
    # Some producers draw a line's words in any order: once sorted, neighbours join again.
    joined: list[list[Word]] = []
    for run in sorted(runs, key=lambda run: (round(run[0].baseline), run[0].x0)):
        if joined and _follows(joined[-1][-1], run[0]):
            joined[-1].extend(run)
        else:
            joined.append(run)
    return sorted((Line(tuple(run), page) for run in joined), key=lambda atom: atom.baseline)


def _follows(left: Word, right: Word) -> bool:
    size = max(left.style.size, right.style.size)
    return (
        abs(left.baseline - right.baseline) <= _SAME_BASELINE_EM * size
        and -0.3 * size <= right.x0 - left.x1 <= _WIDE_GAP_EM * size
    )


def _lines(atoms: Iterable[Line]) -> list[Line]:
    """Join the atoms that share a baseline, from left to right; markers alone are dropped."""
    rows: list[list[Line]] = []
    for atom in sorted(atoms, key=lambda atom: atom.baseline):
        if rows and _is_same_row(rows[-1][-1], atom):
            rows[-1].append(atom)
        else:
            rows.append([atom])
    lines = []
    for row in rows:
        words = [
            word for atom in sorted(row, key=lambda atom: atom.words[0].x0) for word in atom.words
        ]
        if not all(is_marker(word.text) for word in words):
            lines.append(Line(tuple(words), row[0].page))
    return lines


def _is_same_row(upper: Line, lower: Line) -> bool:
    size = max(upper.style.size, lower.style.size)
    return lower.baseline - upper.baseline <= _SAME_BASELINE_EM * size


def _split(atoms: list[Line], previous: float | None) -> _Split:
    """Cut the page at its best gutter, if it has one."""
    edges = Counter(int(atom.words[0].x0) for atom in atoms)
    candidates = [float(x) for x, _ in edges.most_common(_MAX_CANDIDATES)]
    if previous is not None:
        candidates.append(previous)
    splits = [split for x in candidates if (split := _split_at(atoms, x, previous))]
    whole = _Split(0, [], [], [], atoms)
    return max(splits, key=lambda split: _rank(split, previous), default=whole)


def _rank(split: _Split, previous: float | None) -> tuple[bool, int, float]:
    """Return how good a cut is: where the page before had it, else with most rows beside it."""
    rows = min(_rows(split.left), _rows(split.right))
    return _is_near(split.x, previous), rows, -split.x


def _is_near(x: float, previous: float | None) -> bool:
    return previous is not None and abs(previous - x) <= _SAME_GUTTER_PT


def _rows(atoms: Iterable[Line]) -> int:
    return len({round(atom.baseline) for atom in atoms})


def _split_at(atoms: list[Line], x: float, previous: float | None) -> _Split | None:
    """Cut at `x` where most rows can be read on both sides; None when there are too few."""
    start, end, best = 0, 0, -1
    run_start = 0
    for index in range(len(atoms) + 1):
        if index < len(atoms) and not atoms[index].words[0].x0 < x - 1 < x + 1 < atoms[index].x1:
            continue
        run = atoms[run_start:index]
        left = sum(atom.x1 <= x + 1 for atom in run)
        rank = min(left, len(run) - left) * len(atoms) + len(run)
        if rank > best:
            start, end, best = run_start, index, rank
        run_start = index + 1
    left_side = [atom for atom in atoms[start:end] if atom.x1 <= x + 1]
    right_side = [atom for atom in atoms[start:end] if atom.x1 > x + 1]
    split = _Split(x, atoms[:start], left_side, right_side, atoms[end:])
    return split if _are_columns(split, is_known=_is_near(x, previous)) else None


def _are_columns(split: _Split, *, is_known: bool) -> bool:
    """True when each side reads on its own: no dates, labels or cells of the other side's rows."""
    left, right = split.left, split.right
    if not left or not right:
        # A page on which one of the columns has ended.
        return is_known and bool(left or right) and not (split.above or split.below)
    gutter = min(atom.words[0].x0 for atom in right) - max(atom.x1 for atom in left)
    if gutter < _MIN_GUTTER_PT or _is_margin(left) or _share(right, is_mostly_date) >= _MOST:
        return False
    return is_known or _have_headings(left, right)


def _is_margin(left: Sequence[Line]) -> bool:
    """True for dates, labels and headings that stand beside what they belong to."""
    return _share(left, is_mostly_date) >= _MOST or _share(left, _is_label) >= _MOST


def _is_label(text: str) -> bool:
    return text.endswith(":") or heading_kind(text) is not None or is_mostly_date(text)


def _share(atoms: Sequence[Line], claim: Callable[[str], bool]) -> float:
    return sum(claim(atom.text) for atom in atoms) / len(atoms)


def _have_headings(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """True when there are sections on both sides, or many lines beside other ones."""
    headings = [sum(heading_kind(atom.text) is not None for atom in side) for side in (left, right)]
    rows = sorted((_rows(left), _rows(right)))
    if rows[0] < _MIN_ROWS or sum(headings) < _MIN_HEADINGS:
        return False
    return min(headings) > 0 or (rows[1] >= _MANY_ROWS and not _are_aligned(left, right))


def _are_aligned(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """True when nearly every row of the smaller side stands on a row of the other."""
    smaller, larger = sorted((left, right), key=_rows)
    baselines = {round(atom.baseline) for atom in larger}
    near = sum(
        any(round(atom.baseline) + shift in baselines for shift in (-1, 0, 1)) for atom in smaller
    )
    return near > 0.8 * len(smaller)
