"""The languages a person speaks, with the level where one is printed. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence

from resume_parser.headings import heading_kind
from resume_parser.lexicon import contains, pattern
from resume_parser.text import DASHES, fold, trim, unique
from resume_parser.words import Line

_SEPARATORS = re.compile(r"\s*[,;|/•·]\s*(?![^(]*\))|\s+(?:and|und|et|y|và)\s+")
_LABEL = re.compile(r"^[^:]*:(?=[^,]*,)")
_MAX_NAME_WORDS = 3


def find_languages(lines: Iterable[Line], preamble: Sequence[Line]) -> list[str]:
    """Return `Name` or `Name (level)` for each language of the section, or of a header line."""
    found = unique(_languages(lines))
    if found:
        return found
    for line in preamble:
        parts = [part for part in _SEPARATORS.split(line.text) if part]
        if len(parts) > 1 and all(_name(part) == trim(part) for part in parts):
            return unique(map(trim, parts))
    return []


def is_language_list(line: Line) -> bool:
    """True for a line such as `Languages: English, German` among the skills."""
    label, _, listed = line.text.partition(":")
    parts = list(filter(None, _SEPARATORS.split(listed)))
    return heading_kind(label) == "languages" and bool(parts) and all(map(_name, parts))


def _languages(lines: Iterable[Line]) -> Iterator[str]:
    pending = ""  # a name whose level may stand in the next piece
    for line in lines:
        for piece in line.pieces():
            for part in filter(None, _SEPARATORS.split(_LABEL.sub("", piece.text))):
                name = _name(part)
                if name:
                    if pending:
                        yield pending
                    level = _level(part, name)
                    pending = f"{name} ({level})" if level else name
                elif pending and "(" not in pending and _is_level(part):
                    pending = f"{pending} ({trim(part)})"
    if pending:
        yield pending


def _name(part: str) -> str:
    """Return the language that `part` begins with, as printed; an unknown one if it has a level."""
    folded = fold(part)
    match = pattern("languages.txt", "language").match(folded)
    if match:
        return " ".join(part.split()[: len(match[0].split())]).strip(" ,;:()\u2013\u2014-")
    head = re.split(rf"\s*[:(]\s*|\s+[{DASHES}]\s+", part, maxsplit=1)
    if len(head) > 1 and len(head[0].split()) <= _MAX_NAME_WORDS and _is_level(head[1]):
        return "" if _is_level(head[0]) else trim(head[0])
    return ""


def _level(part: str, name: str) -> str:
    rest = part[part.find(name) + len(name) :]
    return trim(trim(rest).strip("()[]"), 60)


def _is_level(text: str) -> bool:
    return contains(text, "languages.txt", "level")
