"""Words of the pages -> `cv_data`: the parser's hops in order.

Runs in the child process of one request (`sandbox.py`), between `pdf.py` and the answer. Pure.
"""

from collections.abc import Sequence

from resume_parser.columns import reading_order
from resume_parser.fields.certifications import find_certifications
from resume_parser.fields.contact import find_email, find_name, find_phone
from resume_parser.fields.education import find_education
from resume_parser.fields.experience import find_experience
from resume_parser.fields.languages import find_languages, is_language_list
from resume_parser.fields.skills import find_skills
from resume_parser.fields.summary import find_summary
from resume_parser.schema import CvData
from resume_parser.sections import OTHER, PREAMBLE, Document, split_sections
from resume_parser.words import Line, Style, Word

_MAX_SKILL_WORDS = 5


def read_cv(pages: Sequence[Sequence[Word]]) -> CvData:
    """Return what the resume says; a field that it does not give is empty."""
    blocks = reading_order(pages)
    document = split_sections(blocks)
    everything = [line for block in blocks for line in block.lines]
    # Contact data may stand anywhere; look where it belongs first.
    header = document.lines(PREAMBLE, "contact")
    skills = document.lines("skills") or _short_lines(document)
    return CvData(
        name=find_name(header) or find_name(everything),
        email=find_email(header) or find_email(everything),
        phone=find_phone(header) or find_phone(everything),
        summary=find_summary(document),
        skills=find_skills([line for line in skills if not is_language_list(line)]),
        education=find_education(document.lines("education")),
        experience=find_experience(document.lines("experience")),
        certifications=find_certifications(document.lines("certifications")),
        languages=find_languages(
            document.lines("languages") + [line for line in skills if is_language_list(line)],
            header,
        ),
    )


def _short_lines(document: Document) -> list[Line]:
    """Return the sections with unknown headings that list a few words each: groups of skills."""
    return [
        line
        for section in document.of(OTHER)
        if section.lines
        and all(len(line.text.split()) <= _MAX_SKILL_WORDS for line in section.lines)
        for line in section.lines
    ]


def warm_up() -> None:
    """Compile the lexicons' patterns, so that the children of this process find them ready."""
    style = Style(size=10, is_bold=False, is_italic=False, colour=0)
    texts = """An Example | +84 912 345 678 | Experience | Engineer at Example Ltd, 2020 | Education
        | Bachelor, Example University | GPA: 3.5 | Skills | A (good), B | Languages | English"""
    rows = enumerate(texts.split("|"))
    read_cv([[Word(text.strip(), 50, 300, 20.0 * row, style) for row, text in rows]])
