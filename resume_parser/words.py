"""The vocabulary of a page: styled words with positions, and the lines they stand in.

Made by `pdf.py`, arranged by `columns.py`, read by everything after. Immutable values; y grows
downwards and distances are in points.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

BULLETS = frozenset("•●◦○▪▫■□►▶▸‣∙·*➢➤❖✓✔◆◇-\u2043\u2013\u2014")
# Fonts of symbols put their list markers into the private use area.
_PRIVATE_USE = range(0xE000, 0xF900)
# Between a word's own space (0.25 to 0.35 em) and a justified line's widest.
_WIDE_GAP_EM = 0.9


class Style(NamedTuple):
    """How a word looks; headings and titles are told from body text by it."""

    size: float
    is_bold: bool
    is_italic: bool
    colour: int


@dataclass(frozen=True, slots=True)
class Word:
    """A run of glyphs without a space, on one baseline."""

    text: str
    x0: float
    x1: float
    baseline: float
    style: Style


@dataclass(frozen=True)
class Line:
    """Words that share a baseline inside one column, from left to right."""

    words: tuple[Word, ...]
    page: int = 0
    right_edge: float = math.inf  # of the column it stands in

    @cached_property
    def text(self) -> str:
        """The line as a person reads it, without a list marker."""
        return join_words(self.words[1:] if self.is_bullet else self.words)

    @cached_property
    def is_bullet(self) -> bool:
        """True when the line begins with a list marker and has something after it."""
        return len(self.words) > 1 and is_marker(self.words[0].text)

    @property
    def x0(self) -> float:
        """Where the text begins, after the list marker."""
        return self.words[1 if self.is_bullet else 0].x0

    @property
    def x1(self) -> float:
        """Where the line ends."""
        return self.words[-1].x1

    @property
    def baseline(self) -> float:
        """Height of the line, for distances to its neighbours."""
        return self.words[0].baseline

    @cached_property
    def style(self) -> Style:
        """The style of most of the line's letters."""
        words = self.words[1:] if self.is_bullet else self.words
        return dominant_style(words)

    @property
    def lead(self) -> Style:
        """The style in which the line's text begins."""
        return self.words[1 if self.is_bullet else 0].style

    def pieces(self, gap_em: float = _WIDE_GAP_EM, *, by_style: bool = False) -> list["Line"]:
        """Split where the space is wider than `gap_em`, and where the style changes if asked to."""
        groups: list[list[Word]] = []
        for word in self.words[1:] if self.is_bullet else self.words:
            if groups and not _is_break(groups[-1][-1], word, gap_em, by_style=by_style):
                groups[-1].append(word)
            else:
                groups.append([word])
        return [Line(tuple(group), self.page, self.right_edge) for group in groups]


def _is_break(left: Word, right: Word, gap_em: float, *, by_style: bool) -> bool:
    if right.x0 - left.x1 > gap_em * max(left.style.size, right.style.size):
        return True
    # A run that was drawn over the end of another is no continuation of it.
    if right.x0 < left.x0:
        return True
    return by_style and left.style != right.style


def is_marker(text: str) -> bool:
    """True for the sign that opens a list item."""
    return len(text) == 1 and (text in BULLETS or ord(text) in _PRIVATE_USE)


def join_words(words: Iterable[Word]) -> str:
    """Return the words as one string in NFC."""
    texts = [word.text for word in words if not _is_icon(word.text)]
    return unicodedata.normalize("NFC", " ".join(texts))


def _is_icon(text: str) -> bool:
    return all(ord(char) in _PRIVATE_USE for char in text)


def dominant_style(words: Sequence[Word]) -> Style:
    """Return the style that covers most letters of `words`, which must not be empty."""
    weights: Counter[Style] = Counter()
    for word in words:
        weights[word.style] += len(word.text)
    return weights.most_common(1)[0][0]
