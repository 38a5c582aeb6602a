"""Skills: lists with commas, list items, or words in boxes side by side. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from resume_parser.dates import is_mostly_date
from resume_parser.lexicon import by_entry
from resume_parser.text import fold, trim, unique
from resume_parser.words import Line

_SEPARATORS = re.compile(r"\s*[,;|•·●▪]\s*(?![^(]*\))")
_LABEL = re.compile(r"^[^:,;]{2,60}:(?:\s+|$)")
_LEVEL = re.compile(r"\s*\((?:[^()]*)\)$")
_SAME_COLUMN_PT = 3.0
# Boxes stand closer than columns, yet further apart than words.
_BOX_GAP_EM = 0.45
_MAX_SKILL_WORDS = 7
_MAX_SKILL_CHARS = 60


def find_skills(lines: Sequence[Line]) -> list[str]:
    """Return each skill once, in reading order, without group names and levels."""
    return unique(_skill(text) for cell in _cells(lines) for text in _items(cell))


def _cells(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines, or column by column where lists stand side by side."""
    rows = [line.pieces() for line in lines]
    if not any(len(row) > 1 and any(_is_list(piece.text) for piece in row) for row in rows):
        return [list(lines)]
    columns: list[list[Line]] = []
    for row in rows:
        is_labelled = len(row) > 1 and not _is_list(row[0].text) and _is_list(row[1].text)
        for piece in row[1:] if is_labelled else row:
            column = next((c for c in columns if abs(c[0].x0 - piece.x0) < _SAME_COLUMN_PT), None)
            if column is None:
                columns.append([piece])
            else:
                column.append(piece)
    return columns


def _is_list(text: str) -> bool:
    return bool(_SEPARATORS.search(text) or _LABEL.match(text))


def _items(column: Sequence[Line]) -> Iterator[str]:
    """Yield the skills of one column; a list with commas goes on in the next line."""
    listed = ""
    for line, following in zip_longest(column, column[1:]):
        is_heading = _is_heading(line, following) and not _LABEL.match(line.text)
        is_label = bool(_LABEL.match(line.text))
        if listed and (is_label or is_heading or not _goes_on(listed, line)):
            yield from _SEPARATORS.split(listed)
            listed = ""
        if is_heading:
            continue
        text = _LABEL.sub("", line.text)
        if _is_list(text) or listed or is_label:
            listed = f"{listed} {text}" if listed else text
        else:
            yield from (piece.text for piece in line.pieces(_BOX_GAP_EM))
    if listed:
        yield from _SEPARATORS.split(listed)


def _goes_on(listed: str, line: Line) -> bool:
    """True for the next line of a list with commas."""
    if line.is_bullet:
        return False
    return listed.endswith(",") or line.text[:1].islower() or _is_list(line.text)


def _is_heading(line: Line, following: Line | None) -> bool:
    """True for a group's name: set larger or bolder than what follows."""
    if following is None:
        return False
    return (line.lead.size, line.lead.is_bold) > (following.lead.size, following.lead.is_bold)


def _skill(text: str) -> str:
    skill = trim(_LEVEL.sub("", text)) if _ends_with_level(text) else trim(text)
    is_level = fold(skill) in by_entry("levels.txt")
    is_long = len(skill) > _MAX_SKILL_CHARS or len(skill.split()) > _MAX_SKILL_WORDS
    is_skill = re.search(r"[^\W_]", skill) and not (is_level or is_long or is_mostly_date(skill))
    return skill if is_skill else ""


def _ends_with_level(text: str) -> bool:
    """True when the text ends with a level in brackets."""
    match = _LEVEL.search(text)
    return match is not None and fold(match[0]) in by_entry("levels.txt")
