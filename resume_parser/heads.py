"""The head of an entry -> its pieces, told apart by their words. Pure.

A head is a few lines such as `Engineer, Example Ltd | Berlin    2020 - 2022`, in any order. Pieces
end where the style changes, at wide gaps and at separators.
"""

import re
from collections.abc import Iterable, Sequence

from resume_parser.dates import without_dates
from resume_parser.lexicon import contains, pattern
from resume_parser.paragraphs import Paragraph
from resume_parser.text import DASHES, fold, trim

_SEPARATORS = re.compile(r"\s+[|•·∙]\s+|\s*\|\s*|\s[@]\s|\s+(?:at|tại|bei|chez)\s+(?=[^\W\d_a-z])")
_MAX_PLACE_PARTS = 3
_JOINTS = re.compile(rf"\s*,\s+|\s+[{DASHES}]\s+")
_URL = re.compile(r"^(?:https?://|www\.)\S+$|^\S+\.(?:com|org|net|io|dev|vn|de|fr|es)(?:/\S*)?$")


def head_pieces(head: Iterable[Paragraph]) -> list[str]:
    """Return the texts of a head without dates, in reading order."""
    texts = [text for paragraph in head for text in _paragraph_pieces(paragraph)]
    cleaned = [trim(without_dates(text)) for text in texts]
    return [text for text in cleaned if re.search(r"\w", text) and not _URL.match(text)]


def _paragraph_pieces(paragraph: Paragraph) -> list[str]:
    lines = [line.pieces(by_style=True) for line in paragraph.lines]
    texts = [[piece.text for piece in pieces] for pieces in lines]
    if len(texts) > 1:  # wrapped: the last piece of a line goes on in the next line's first
        joined = texts[0]
        for following in texts[1:]:
            joined = [*joined[:-1], f"{joined[-1]} {following[0]}", *following[1:]]
        texts = [joined]
    return [part for text in _mended(texts[0]) for part in _SEPARATORS.split(text)]


def _mended(texts: Sequence[str]) -> list[str]:
    """Undo splits inside brackets: `Engineer (` + `Contract` + `)`."""
    mended: list[str] = []
    for text in texts:
        if mended and mended[-1].count("(") > mended[-1].count(")"):
            mended[-1] += f" {text}" if not text.startswith(")") else text
        else:
            mended.append(text)
    return mended


def is_place(text: str) -> bool:
    """True for a town, a country, or `Town, Country`."""
    if title_score(text) or contains(text, "organisations.txt", "institution"):
        return False
    parts = [fold(part) for part in re.split(rf"[,/{DASHES}]", re.sub(r"[()]", " ", text))]
    parts = list(filter(None, parts))
    places = pattern("places.txt", "place")
    known = [bool(places.fullmatch(part)) for part in parts]
    return (
        bool(parts)
        and known[-1]
        and len(parts) <= _MAX_PLACE_PARTS
        and (len(parts) > 1 or known[0])
    )


def without_place(text: str) -> str:
    """Return an employer's name without the town after it."""
    name, comma, tail = text.rpartition(",")
    return trim(name) if comma and is_place(tail) else text


def title_score(text: str) -> int:
    """Return how much `text` reads like a job title (above 0) or an employer (below 0)."""
    is_title = contains(text, "titles.txt", "title")
    return is_title - contains(text, "organisations.txt", "company")


def split_pair(text: str) -> tuple[str, str] | None:
    """Split `Title, Company` or `Company - Title` into (title, company)."""
    best: tuple[int, str, str] | None = None
    for joint in _JOINTS.finditer(text):
        left, right = trim(text[: joint.start()]), trim(text[joint.end() :])
        if not left or not right:
            continue
        score = title_score(left) - title_score(right)
        pair = (left, right) if score >= 0 else (right, left)
        if score and (best is None or abs(score) > best[0]):
            best = (abs(score), *pair)
    return best and best[1:]
