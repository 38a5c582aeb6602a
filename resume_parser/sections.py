"""Blocks of lines -> the lines of each section.

Third hop. Pure. A section opens at a line (or a label in the margin) that is a known heading and
looks like the other headings around it. Lines before the first heading of a block are its
`PREAMBLE`, unless the block continues another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from resume_parser.columns import Block
from resume_parser.headings import heading_kind
from resume_parser.words import Line, Style

PREAMBLE = "preamble"
OTHER = "other"
# Headings of one column have one size; smaller ones head groups inside a section.
_SAME_SIZE = 0.96
_MAX_HEADING_WORDS = 5


@dataclass
class Section:
    """One heading's lines; `kind` is a group of the lexicon of headings, or `PREAMBLE`."""

    kind: str
    lines: list[Line] = field(default_factory=list)


@dataclass
class Document:
    """The sections of a resume in reading order."""

    sections: list[Section]

    def lines(self, *kinds: str) -> list[Line]:
        """Return the lines of every section of the given kinds."""
        return [line for part in self.sections if part.kind in kinds for line in part.lines]

    def of(self, kind: str) -> list[Section]:
        """Return the sections of one kind."""
        return [section for section in self.sections if section.kind == kind]


def split_sections(blocks: Sequence[Block]) -> Document:
    """Return the sections of the document, empty ones included."""
    sections: list[Section] = []
    for block in blocks:
        look = _Look(block.lines)
        if not block.continues or not sections:
            sections.append(Section(PREAMBLE))
        for line in block.lines:
            kind, rest = look.heading(line)
            if kind is None or (kind == OTHER and sections[-1].kind == PREAMBLE):
                sections[-1].lines.append(line)
                continue
            sections.append(Section(kind, [rest] if rest else []))
    return Document(sections)


class _Look:
    """What the headings of one block look like."""

    def __init__(self, lines: Sequence[Line]) -> None:
        known = [
            line for line in lines if heading_kind(_label(line).text) not in (None, "document")
        ]
        labels = [line.x0 for line in known if heading_kind(line.text) is None]
        # Headings in the margin: some are so long that they touch the text beside them.
        self._label_x0 = labels[0] if len(labels) > 1 else None
        self._size = max((line.lead.size for line in known), default=0.0)
        styles = [_shape(line) for line in known if line.lead.size >= self._size * _SAME_SIZE]
        body = {_shape(line) for line in lines if len(line.text.split()) > _MAX_HEADING_WORDS}
        # A style shared by two known headings and by no sentence makes an unknown line one, too.
        self._styles = {style for style in styles if styles.count(style) > 1} - body

    def heading(self, line: Line) -> tuple[str | None, Line | None]:
        """Return the section that the line opens, and what stands beside a label in the margin."""
        label = _label(line)
        if line.x0 == self._label_x0 and heading_kind(label.text) is None:
            label = line.pieces(by_style=True)[0]
        kind = heading_kind(label.text)
        if kind == "document":
            return PREAMBLE, None
        if kind and label.lead.size >= self._size * _SAME_SIZE:
            rest = line.words[len(label.words) :]
            return kind, replace(line, words=rest) if rest and label is not line else None
        if _shape(line) in self._styles and len(line.text.split()) <= _MAX_HEADING_WORDS:
            return _kind_of_part(line.text), None
        return None, None


def _kind_of_part(text: str) -> str:
    """Return the section of a heading with words of its own, such as `Featured Projects`."""
    words = text.split()
    for count in range(len(words) - 1, 0, -1):
        kind = heading_kind(" ".join(words[-count:])) or heading_kind(" ".join(words[:count]))
        if kind:
            return kind
    return OTHER


def _label(line: Line) -> Line:
    """Return the part of the line that may be a heading: all of it, or what stands apart."""
    if line.is_bullet or heading_kind(line.text):
        return line
    first, *others = line.pieces()
    return first if others else line


def _shape(line: Line) -> tuple[Style, bool]:
    return line.lead, line.text.isupper()
