"""Which section a heading opens, by its words alone. Pure."""

import re
from functools import lru_cache

from resume_parser.lexicon import by_entry
from resume_parser.text import fold

_MAX_HEADING_CHARS = 60
_NUMBERING = re.compile(r"^(?:\d{1,2}|[ivx]{1,4})\s+")
_MIN_LETTERS = 4
_AND = re.compile(r"\s+(?:and|und|et|y|và)\s+")


@lru_cache(maxsize=8192)
def heading_kind(text: str) -> str | None:
    """Return the section that `text` opens as a whole line, or None when it is no heading."""
    if len(text) > _MAX_HEADING_CHARS:
        return None
    words = fold(text)
    kinds = by_entry("headings.txt")
    # Letter-spaced headings ("S K I L L S") come apart into letters.
    for form in (words, _NUMBERING.sub("", words), _closed_up(words)):
        if form in kinds:
            return kinds[form]
    parts = [kinds.get(part) for part in _AND.split(words)]
    return parts[0] if all(parts) else None


def _closed_up(words: str) -> str:
    parts = words.split()
    is_spaced = len(parts) >= _MIN_LETTERS and all(len(part) == 1 for part in parts)
    return "".join(parts) if is_spaced else words
