"""The summary: the section of that name, else the sentences that open a column. Pure."""

import re

from resume_parser.paragraphs import Paragraph, paragraphs
from resume_parser.sections import PREAMBLE, Document, Section
from resume_parser.text import MAX_PARAGRAPH_CHARS, clean

_MIN_SENTENCE_WORDS = 10


def find_summary(document: Document) -> str:
    """Return the sentences of the summary as one paragraph."""
    summaries = [_sentences(section) for section in document.of("summary")]
    # An "About" in a sidebar may hold an address; the summary is the longer text.
    longest = max(summaries, key=len, default="")
    if longest:
        return longest
    for section in document.of(PREAMBLE):
        for paragraph in paragraphs(section.lines):
            if _is_sentence(paragraph):
                return clean(paragraph.text, MAX_PARAGRAPH_CHARS)
    return ""


def _sentences(section: Section) -> str:
    texts = [p.text for p in paragraphs(section.lines) if not _is_contact(p.text)]
    return clean(" ".join(texts), MAX_PARAGRAPH_CHARS)


def _is_sentence(paragraph: Paragraph) -> bool:
    return len(paragraph.text.split()) >= _MIN_SENTENCE_WORDS and not _is_contact(paragraph.text)


def _is_contact(text: str) -> bool:
    return bool(re.search(r"@|https?:|www\.|\+?\d[\d\s().-]{7,}\d", text))
