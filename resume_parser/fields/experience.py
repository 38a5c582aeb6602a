"""Jobs: title, company, period, and what was done. Pure."""

from collections.abc import Sequence

from resume_parser.dates import PRESENT
from resume_parser.entries import Entry, is_label, split_entries
from resume_parser.heads import head_pieces, is_place, split_pair, title_score, without_place
from resume_parser.lexicon import by_entry
from resume_parser.paragraphs import paragraphs
from resume_parser.schema import Experience
from resume_parser.text import MAX_ITEMS, clean, fold, trim
from resume_parser.words import Line

_MAX_LINE_CHARS = 1_000
_MIN_SENTENCE_WORDS = 5


def find_experience(lines: Sequence[Line]) -> list[Experience]:
    """Return the jobs in the order in which they are printed."""
    entries = split_entries(paragraphs(lines))[:MAX_ITEMS]
    pieces = [_named_pieces(entry) for entry in entries]
    title_first = _title_stands_first(pieces)
    jobs = [
        _job(entry, texts, title_first=title_first)
        for entry, texts in zip(entries, pieces, strict=True)
    ]
    _open_first_period(jobs)
    return [job for job in jobs if job["title"] or job["company"]]


def _named_pieces(entry: Entry) -> list[str]:
    """Return the pieces that may name a title or a company."""
    pieces = head_pieces(entry.head)
    named = [piece for piece in pieces if not is_place(piece) and not is_label(piece)]
    if len(named) == 1:
        pair = split_pair(named[0])
        named = list(pair) if pair else named
    return named


def _title_stands_first(entries: Sequence[Sequence[str]]) -> bool:
    """Return which comes first in most heads; all heads of a resume are laid out alike."""
    votes = sum(
        title_score(pieces[0]) - title_score(pieces[1]) for pieces in entries if len(pieces) > 1
    )
    return votes >= 0


def _job(entry: Entry, pieces: Sequence[str], *, title_first: bool) -> Experience:
    title, company, rest = _assign(pieces, title_first=title_first)
    period = next((p.period for p in entry.head if p.period), None)
    lines = [text for text in rest if len(text.split()) >= _MIN_SENTENCE_WORDS]
    job = Experience(
        title=title,
        company=company,
        duration=str(period) if period else "",
        responsibilities=lines,
        achievements=[],
    )
    target = job["responsibilities"]
    for paragraph in entry.body[:MAX_ITEMS]:
        label = by_entry("labels.txt").get(fold(paragraph.text))
        if label:
            target = job["achievements" if label == "achievements" else "responsibilities"]
            continue
        text = clean(paragraph.text.strip(" •*"), _MAX_LINE_CHARS)
        if text and not is_place(text):
            target.append(text)
    return job


def _assign(pieces: Sequence[str], *, title_first: bool) -> tuple[str, str, list[str]]:
    """Return title, company and the pieces that are neither."""
    if not pieces:
        return "", "", []
    if len(pieces) == 1:
        return (pieces[0], "", []) if title_score(pieces[0]) >= 0 else ("", pieces[0], [])
    scores = [title_score(piece) for piece in pieces]
    best = max(scores)
    order = range(len(pieces)) if title_first else [*range(1, len(pieces)), 0]
    title = next(index for index in order if scores[index] == best)
    others = [index for index in range(len(pieces)) if index != title]
    company = min(others, key=lambda i: (_is_remark(pieces[i]), scores[i] >= 0, abs(i - title), i))
    rest = [pieces[index] for index in others if index != company]
    return trim(pieces[title]), without_place(trim(pieces[company])), rest


def _is_remark(text: str) -> bool:
    """True for words about an employer; names have more capitals."""
    _, *words = text.split()
    return len(words) > 1 and not any(word[0].isupper() for word in words)


def _open_first_period(jobs: Sequence[Experience]) -> None:
    """Let the first job go on when it gives a month of start only, and the others both ends."""
    if not jobs:
        return
    first, *others = jobs
    is_month = "-" in first["duration"] and " - " not in first["duration"]
    have_ended = bool(others) and all(" - " in job["duration"] for job in others)
    if is_month and have_ended and first["duration"] >= max(_end(job) for job in others):
        first["duration"] += f" - {PRESENT}"


def _end(job: Experience) -> str:
    return job["duration"].rpartition(" - ")[2]
