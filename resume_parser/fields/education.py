"""Degrees: what, where, the year of graduation and the grade. Pure."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from resume_parser.entries import Entry, is_label, split_entries
from resume_parser.heads import head_pieces, is_place
from resume_parser.lexicon import contains, groups
from resume_parser.paragraphs import Paragraph, paragraphs
from resume_parser.schema import Education
from resume_parser.text import DASHES, MAX_ITEMS, trim
from resume_parser.words import Line

_JOINTS = re.compile(rf"\s*,\s+|\s+[{DASHES}]\s+")
_NUMBER = r"(?P<grade>\d{1,2}(?:[.,]\d{1,3})?)"
_SCALE = r"\s*/\s*\d{1,3}(?:[.,]\d+)?"
_BARE_GRADE = re.compile(
    rf"(?:^|\s[{DASHES}]\s|[,;(]\s*){_NUMBER}(?:{_SCALE}|(?<=[.,]\d)|(?<=[.,]\d\d))\)?$"
)
_MAX_DEGREE_WORDS = 16


class _Piece(NamedTuple):
    text: str
    grade: float | None

    @property
    def names_degree(self) -> bool:
        return contains(self.text, "degrees.txt", "degree")

    @property
    def names_institution(self) -> bool:
        return contains(self.text, "organisations.txt", "institution")


def find_education(lines: Sequence[Line]) -> list[Education]:
    """Return the degrees in the order in which they are printed."""
    found = [_education(entry) for entry in split_entries(paragraphs(lines))[:MAX_ITEMS]]
    return [education for education in found if education["degree"] or education["institution"]]


def _education(entry: Entry) -> Education:
    head = _whole_head(entry)
    period = next((p.period for p in head if p.period), None)
    pieces = _apart([_piece(text) for text in head_pieces(head) if not is_place(text)])
    institution = next((piece for piece in pieces if piece.names_institution), None)
    if institution is None:
        institution = next((p for p in pieces if p.text and not p.names_degree), None)
    return Education(
        degree=_degree(pieces, institution),
        institution=institution.text if institution else "",
        graduation_year=period.last_year if period else None,
        gpa=next((piece.grade for piece in pieces if piece.grade is not None), None),
    )


def _whole_head(entry: Entry) -> list[Paragraph]:
    """Return the head and the lines of the body that still tell the degree or the grade."""
    head = [paragraph for paragraph in entry.head if not is_label(paragraph.text)]
    end = 0
    for index, paragraph in enumerate(entry.body[:3], 1):
        piece = _piece(paragraph.text)
        if paragraph.text.endswith(".") or is_label(paragraph.text):
            break
        if piece.grade is not None or piece.names_degree:
            end = index
    return head + entry.body[:end]


def _piece(text: str) -> _Piece:
    """Take the grade out of a text."""
    match = _labelled_grade().search(text) or _BARE_GRADE.search(text)
    if not match:
        return _Piece(text, None)
    rest = trim(text[: match.start()] + " " + text[match.end() :])
    return _Piece(rest, float(match["grade"].replace(",", ".")))


@cache
def _labelled_grade() -> re.Pattern[str]:
    labels = "|".join(sorted(map(re.escape, groups("degrees.txt")["gpa"]), key=len, reverse=True))
    return re.compile(
        rf"[(\[]?\s*\b(?:{labels})\b\s*[:=]?\s*{_NUMBER}(?:{_SCALE})?[)\]]?", re.IGNORECASE
    )


def _apart(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Part a degree from the institution in one text: `Bachelor of Arts, Example University`."""
    parted: list[_Piece] = []
    for piece in pieces:
        if piece.names_degree and piece.names_institution:
            parted.extend(_split(piece))
        else:
            parted.append(piece)
    return parted


def _split(piece: _Piece) -> list[_Piece]:
    parted = [piece]
    for joint in _JOINTS.finditer(piece.text):
        left = _Piece(trim(piece.text[: joint.start()]), piece.grade)
        right = _Piece(trim(piece.text[joint.end() :]), None)
        sides = {(side.names_degree, side.names_institution) for side in (left, right)}
        if sides == {(True, False), (False, True)}:
            parted = [left, right]  # the last such joint: the field of study stays with the degree
    return parted


def _degree(pieces: Sequence[_Piece], institution: _Piece | None) -> str:
    """Return the degree with the field of study beside it."""
    runs: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece is institution or not piece.text:
            runs.append([])
        else:
            runs[-1].append(piece)
        if piece.grade is not None:  # courses and remarks come after the grade
            runs.append([])
    named = [run for run in runs if any(piece.names_degree for piece in run)]
    chosen = next(iter(named or [run for run in runs if run]), [])
    words = ", ".join(piece.text for piece in chosen).split()
    return trim(" ".join(words[:_MAX_DEGREE_WORDS]))
