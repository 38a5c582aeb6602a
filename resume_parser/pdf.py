"""PDF bytes -> styled words per page, by PDFium.

First hop of the parser, and the only module that knows PDFium. PDFium is not thread-safe: call it
from one thread of a process, and expect hostile files to crash that process (`sandbox.py` owns
it). Promises a bounded result or a `PdfError`.
"""

import ctypes
import math
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from resume_parser.errors import EmptyPdfError, EncryptedPdfError, NoTextError, PdfError
from resume_parser.words import Style, Word

MAX_PAGES = 50
MAX_CHARACTERS = 100_000
_BOLD_WEIGHT = 600
_FONT_NAME_BYTES = 256
# PDFium starts a new word at smaller gaps than a person would; it also leaves some out.
_WORD_GAP_EM = 0.17
_ITALIC_FLAG = 1 << 6
_HIGH_HALVES, _LOW_HALVES = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


@dataclass(frozen=True, slots=True)
class _Glyph:
    text: str
    x0: float
    x1: float
    baseline: float
    style: Style
    quarter_turns: int


def read_pages(data: bytes) -> list[list[Word]]:
    """Return the words of each page, in the order in which the file draws them."""
    document = _open(data)
    try:
        pages: list[list[Word]] = []
        budget = MAX_CHARACTERS
        for index in range(min(len(document), MAX_PAGES)):
            words, used = _read_page(document, index, budget)
            pages.append(words)
            budget -= used
    finally:
        document.close()
    if not any(word.text.strip() for page in pages for word in page):
        raise NoTextError
    return pages


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
            raise EncryptedPdfError from error
        if error.err_code == pdfium_c.FPDF_ERR_SUCCESS:  # PDFium has opened it: there are no pages
            raise EmptyPdfError from error
        raise PdfError from error


def _read_page(document: pdfium.PdfDocument, index: int, budget: int) -> tuple[list[Word], int]:
    """Return the page's words and how many characters it held; a broken page counts as blank."""
    try:
        page = document[index]
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return [], 0
    count = min(text_page.count_chars(), budget)
    glyphs = _upright(list(_glyphs(text_page.raw, count)))
    text_page.close()
    page.close()
    return _words(glyphs), count


def _glyphs(raw: ctypes.c_void_p, count: int) -> Iterator[_Glyph | None]:
    """Yield each glyph, and None where there is a space.

    PDFium adds spaces of its own where the font changes, even inside Vietnamese words: those are
    left out, and the distance between glyphs decides.
    """
    x, y, box = ctypes.c_double(), ctypes.c_double(), pdfium_c.FS_RECTF()
    styles: dict[int, Style] = {}
    for index, text in _characters(raw, count):
        if text.isspace():
            yield None
            continue
        pdfium_c.FPDFText_GetCharOrigin(raw, index, x, y)
        pdfium_c.FPDFText_GetLooseCharBox(raw, index, box)
        style, turns = _style_of(raw, index, styles)
        corners = (box.left, box.right, box.top, box.bottom)
        if not all(map(math.isfinite, (x.value, y.value, *corners))):
            continue
        yield _rotate(text, corners, (x.value, y.value), style, turns)


def _characters(raw: ctypes.c_void_p, count: int) -> Iterator[tuple[int, str]]:
    """Yield each printed character with its place; PDFium gives some in two halves (UTF-16)."""
    index = 0
    while index < count:
        place, code = index, pdfium_c.FPDFText_GetUnicode(raw, index)
        index += 1
        if code in _HIGH_HALVES and index < count:
            low = pdfium_c.FPDFText_GetUnicode(raw, index)
            if low in _LOW_HALVES:
                code = 0x10000 + (code - _HIGH_HALVES.start << 10) + low - _LOW_HALVES.start
                index += 1
        if pdfium_c.FPDFText_IsGenerated(raw, place) != 1:
            yield place, _text(code)


def _text(code: int) -> str:
    if code in (0x02, 0xFFFE):  # PDFium's marks for a hyphen at a line's end
        return "-"
    # Controls and lone surrogates cannot be shown, or stored as UTF-8.
    is_text = code <= sys.maxunicode and unicodedata.category(chr(code)) not in ("Cc", "Cs")
    return chr(code) if is_text else " "


def _style_of(raw: ctypes.c_void_p, index: int, known: dict[int, Style]) -> tuple[Style, int]:
    """Return the glyph's style and how many quarter turns it is rotated by."""
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(raw, index, matrix)
    turns = round(math.atan2(matrix.b, matrix.a) / (math.pi / 2)) % 4
    text_object = pdfium_c.FPDFText_GetTextObject(raw, index)
    key = ctypes.cast(text_object, ctypes.c_void_p).value or 0
    if key not in known:
        scale = math.hypot(matrix.c, matrix.d) or 1.0
        size = pdfium_c.FPDFText_GetFontSize(raw, index) * scale
        known[key] = _read_style(raw, index, text_object, size)
    return known[key], turns


def _read_style(
    raw: ctypes.c_void_p, index: int, text_object: ctypes.c_void_p, size: float
) -> Style:
    font = pdfium_c.FPDFTextObj_GetFont(text_object)
    name, flags = ctypes.create_string_buffer(_FONT_NAME_BYTES), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(raw, index, name, _FONT_NAME_BYTES, flags)
    font_name = name.value.decode("utf-8", "replace").casefold()
    channels = [ctypes.c_uint() for _ in range(4)]
    pdfium_c.FPDFText_GetFillColor(raw, index, *channels)
    red, green, blue, _ = (channel.value for channel in channels)
    is_bold = any(mark in font_name for mark in ("bold", "black", "heavy", "cmbx", "-semi"))
    return Style(
        size=round(min(size, 1000) * 2) / 2,
        is_bold=is_bold or pdfium_c.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT,
        is_italic=any(mark in font_name for mark in ("italic", "oblique", "cmti"))
        or bool(flags.value & _ITALIC_FLAG),
        colour=red << 16 | green << 8 | blue,
    )


def _rotate(
    text: str,
    corners: tuple[float, float, float, float],
    origin: tuple[float, float],
    style: Style,
    turns: int,
) -> _Glyph:
    """Return the glyph as it stands once its text runs from left to right, y downwards."""
    left, right, top, bottom = corners
    x, y = origin
    x0, x1, baseline = {
        0: (left, right, -y),
        1: (bottom, top, x),
        2: (-right, -left, y),
        3: (-top, -bottom, -x),
    }[turns]
    return _Glyph(text, min(x0, x1), max(x0, x1), baseline, style, turns)


def _upright(glyphs: list[_Glyph | None]) -> list[_Glyph | None]:
    """Keep the page's main direction of text; writing across it is ornament."""
    turns = Counter(glyph.quarter_turns for glyph in glyphs if glyph)
    if not turns:
        return []
    main = turns.most_common(1)[0][0]
    return [glyph for glyph in glyphs if glyph is None or glyph.quarter_turns == main]


def _words(glyphs: list[_Glyph | None]) -> list[Word]:
    runs: list[list[_Glyph]] = [[]]
    for glyph in glyphs:
        if glyph is None or (runs[-1] and _is_new_word(runs[-1][-1], glyph)):
            runs.append([])
        if glyph is not None:
            runs[-1].append(glyph)
    runs = _joined([run for run in runs if run])
    return [_word(run) for run in runs]


def _joined(runs: list[list[_Glyph]]) -> list[list[_Glyph]]:
    """Join the runs that touch although others were drawn between them.

    LibreOffice draws the letters of a fallback font after the rest of the line: `K s` and then
    `ỹ ư` into the holes.
    """
    order = sorted(range(len(runs)), key=lambda i: (round(runs[i][0].baseline), runs[i][0].x0))
    joined: dict[int, list[_Glyph]] = {}
    last, before = -1, -1
    for index in order:
        if last >= 0 and index != before + 1 and _fits(runs[before][-1], runs[index][0]):
            joined[last].extend(runs[index])
        else:
            joined[index] = list(runs[index])
            last = index
        before = index
    return [joined[index] for index in sorted(joined)]


def _fits(left: _Glyph, right: _Glyph) -> bool:
    overlap = -0.1 * max(left.style.size, right.style.size)
    return not _is_new_word(left, right) and right.x0 - left.x1 > overlap


def _is_new_word(left: _Glyph, right: _Glyph) -> bool:
    size = max(left.style.size, right.style.size, 1.0)
    return (
        min(left.style.size, right.style.size) < size / 2
        or abs(left.baseline - right.baseline) > size * 0.3
        or right.x0 - left.x1 > size * _WORD_GAP_EM
        or right.x0 < left.x0 - size * 0.3
    )


def _word(run: list[_Glyph]) -> Word:
    # One style for a word: letters of a fallback font have a weight of their own.
    style = Counter(glyph.style for glyph in run).most_common(1)[0][0]
    text = "".join(glyph.text for glyph in run)
    x0, x1 = min(glyph.x0 for glyph in run), max(glyph.x1 for glyph in run)
    return Word(text, x0, x1, run[0].baseline, style)
