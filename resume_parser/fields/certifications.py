"""Certificates and licences: one line each, without their dates. Pure."""

import re
from collections.abc import Sequence

from resume_parser.entries import split_entries
from resume_parser.paragraphs import Paragraph, paragraphs
from resume_parser.text import trim, unique
from resume_parser.words import Line

_ISSUED = re.compile(
    r"^(?:issued|issuer|awarded|by|valid|expires|credential|url|https?:|www\.|cấp bởi|ngày cấp"
    r"|ausgestellt|délivré|expedid)",
    re.IGNORECASE,
)


def find_certifications(lines: Sequence[Line]) -> list[str]:
    """Return the name of each certificate, with the issuer where it stands in the same line."""
    items = paragraphs(lines)
    have_dates_below = any(item.period and not item.undated for item in items)
    if have_dates_below and not any(item.is_bullet for item in items):
        return unique(_name(entry.head[0]) for entry in split_entries(items))
    named = [item for item in items if not _ISSUED.match(item.text)]
    return unique(_name(item) for item in named if _is_same_look(named[0], item))


def _is_same_look(first: Paragraph, item: Paragraph) -> bool:
    """True for another certificate, False for the small print under one."""
    return item.is_bullet == first.is_bullet and (
        item.style.size >= first.style.size and item.style.is_bold >= first.style.is_bold
    )


def _name(item: Paragraph) -> str:
    name = trim(item.undated)
    return "" if not re.search(r"[^\W\d_]{2}", name) else name
