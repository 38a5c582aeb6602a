"""Text hygiene: every string and list that leaves the parser passes through here. Pure.

Promises NFC, no control characters or lone surrogates (so it can be stored as UTF-8 and BSON),
single spaces, and bounded lengths.
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_FIELD_CHARS = 300
MAX_PARAGRAPH_CHARS = 4_000
MAX_ITEMS = 200

# For character classes of patterns: hyphens, dashes and the minus sign.
DASHES = r"\u2010-\u2015\u2212-"
_EDGES = " \t,;|•·∙●◦▪\u2013\u2014-:"
_BRACKETS = {")": "(", "]": "["}


def clean(text: str, limit: int = MAX_FIELD_CHARS) -> str:
    """Return `text` as one storable line of at most `limit` characters."""
    # Categories: control, format, surrogate, private use, unassigned. Zero-width joiners go too:
    # they are invisible and break comparisons.
    kept = "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return unicodedata.normalize("NFC", " ".join(kept.split()))[:limit].strip()


def trim(text: str, limit: int = MAX_FIELD_CHARS) -> str:
    """Return `text` cleaned, without separators at its ends or a bracket that has no partner."""
    trimmed = clean(text, limit).strip(_EDGES)
    for closing, opening in _BRACKETS.items():
        if trimmed.endswith(closing) and opening not in trimmed:
            trimmed = trimmed[:-1].rstrip(_EDGES)
        if trimmed.startswith(opening) and closing not in trimmed:
            trimmed = trimmed[1:].lstrip(_EDGES)
    return trimmed


def unique(texts: Iterable[str]) -> list[str]:
    """Return the non-empty texts once each, in order, `MAX_ITEMS` at most."""
    seen: dict[str, str] = {}
    for text in texts:
        if text:
            seen.setdefault(text.casefold(), text)
    return list(seen.values())[:MAX_ITEMS]


def fold(text: str) -> str:
    """Return `text` as the lexicons are searched: lower case, letters and digits only."""
    return " ".join(re.findall(r"[^\W_]+", clean(text).casefold().replace("&", " and ")))


def join_lines(texts: Iterable[str]) -> str:
    """Join wrapped lines into a paragraph; a hyphen at a line's end keeps its word together."""
    joined = ""
    for text in texts:
        # The end alone: to search all of it for each line takes seconds where there are thousands.
        is_broken_word = re.fullmatch(r"[^\W\d_]-", joined[-2:]) and text[:1].isalnum()
        joined += text if is_broken_word else f" {text}"
    return clean(joined, MAX_PARAGRAPH_CHARS)
