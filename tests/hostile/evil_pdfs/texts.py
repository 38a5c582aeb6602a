"""Text that no resume holds: all of it must come out storable, and in bounded time."""

import unicodedata
import zlib
from functools import partial

from tests.hostile.evil_pdfs.builder import (
    CATALOG,
    FONT,
    MIB,
    document,
    one_page,
    page_object,
    repeated,
    stream,
)
from tests.hostile.evil_pdfs.case import NO_TEXT, PARSED, TOO_COMPLEX, EvilPdf, case
from tests.hostile.evil_pdfs.fonts import composite, mapped

_MOST = 100_000  # characters that the parser reads
_PAGES = 50


def written(text: str, *, line_pt: float = 14) -> bytes:
    """A page with this text, whatever its characters: codes of their own, mapped to them."""
    alphabet = sorted(set(text) - {"\n"})
    codes = {char: b"%04X" % code for code, char in enumerate(alphabet, 1)}
    rows = [
        b"<%s> <%s>" % (code, char.encode("utf-16-be", "surrogatepass").hex().encode())
        for char, code in codes.items()
    ]
    lines = [
        b"<%s> Tj 0 -%f Td" % (b"".join(codes[char] for char in line), line_pt)
        for line in text.split("\n")
    ]
    contents = b"BT /F1 10 Tf 50 800 Td\n%s\nET" % b"\n".join(lines)
    meanings = b"%d beginbfchar\n%s\nendbfchar" % (len(rows), b"\n".join(rows))
    return composite(mapped(meanings), contents)


def _plain(text: str) -> bytes:
    """A page in Helvetica: any number of lines, deflated."""
    lines = [f"({line}) ' ".encode("latin-1") for line in text.split("\n")]
    contents = b"BT /F1 10 Tf 10 TL 50 800 Td\n%s\nET" % b"\n".join(lines)
    return one_page(stream(zlib.compress(contents, 9), b"/Filter /FlateDecode"))


def _pages_of(line: str) -> bytes:
    """As many of the line as the parser will read, in tiny type on all the pages it will read."""
    on_each = min(_MOST // _PAGES // (len(line) + 1), 690)
    shown = f"({line}) ' ".encode("latin-1") * on_each
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * _PAGES, _PAGES)
    contents = stream(b"BT /F1 1 Tf 1.2 TL 50 840 Td %s ET" % shown)
    return document([CATALOG % b"", tree, page_object(), contents, FONT])


def _fifty_megabytes() -> bytes:
    unit = (
        b"BT /F1 10 Tf 10 TL 50 800 Td "
        + b"(Jane Example writes on and on) ' " * (MIB // 34)
        + b"ET "
    )
    return one_page(stream(repeated(unit, 50), b"/Filter /FlateDecode"))


def _exploding() -> bytes:
    """Each character of the page stands for 500."""
    long = b"<0041> <%s>" % (b"0058" * 500)
    return composite(
        mapped(b"1 beginbfchar %s endbfchar" % long),
        b"BT /F1 9 Tf 9 99 Td <%s> Tj ET" % (b"0041" * 5000),
    )


_RESUME = "{}\nreply@example.com | +84 912 345 678\nSkills\nGo, Python\nLanguages\nEnglish"
_SCRIPTS = {
    "arabic": "محمد عبد الله",
    "hebrew": "ישראל ישראלי",
    "chinese": "王小明 软件工程师",
    "japanese": "山田 太郎",
    "korean": "홍길동",
    "thai": "สมชาย ใจดี",
    "vietnamese, composed": "Nguyễn Thị Ánh",
    "vietnamese, decomposed": unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
    "outside the first plane": "𠮷田 太郎",
}

_NAMES = {
    "emoji": "👩‍💻 Jane 🏳️‍🌈",
    "turned by marks": "\u202eelpmaxE enaJ\u202c",
    "without width": "J\u200ba\u200cn\u200de\ufeff Example",
    "a hundred accents on each letter": "".join(c + "\u0301" * 100 for c in "Jane"),
    "private use": "\ue000\uf8ff\U000f0000 Jane",
    "no characters": "\ufffe\uffff\U0001ffff Jane",
    "nul": "Jane\0Example",
    "controls": "Jane\x07\x08\x1b[31m\x7f\x85 Example\r",
    "a lone surrogate": "Jane \ud800 Example",
    "surrogates the wrong way round": "Jane \udc00\ud800 Example",
    "html": "<img src=x onerror=alert(1)> <script>alert(1)</script>",
    "an operator of mongodb": '$where: {"$gt": ""} a.b.c __proto__',
    "a template": "{{7*7}} ${7*7} %s%n =cmd|' /C calc'!A0",
    "two lines in one": "Jane\u2028Example\u2029\x0b\x0c",
}

#: What a careless pattern looks at again from each place in it: the square of the work.
_LONG = {
    "one word": "x" * _MOST,
    "spaces": "x" + " " * _MOST + "x",
    "an address that never ends": "a@" + "a." * (_MOST // 2),
    "no address": "a." * (_MOST // 2),
    "digits": "0123456789" * (_MOST // 10),
    "a telephone number": "+84 " + "(1) " * (_MOST // 4),
    "brackets": "(" * (_MOST // 2),
    "hyphens": "a-" * (_MOST // 2),
    "commas": "a," * (_MOST // 2),
    "words": "a " * (_MOST // 2),
    "dates": "01/2020 - 02/2021 " * (_MOST // 18),
    "bars": "a | " * (_MOST // 4),
    "links": "https://a.example/" * (_MOST // 18),
}

_MANY_LINES = {
    "letters": "a",
    "headings": "Experience",
    "bullets": "- a",
    "years": "2020",
    "jobs": "Engineer at X, 2019 - 2020",
    "degrees": "Bachelor of X, University of Y, 2020, GPA: 3.5",
    "languages": "English (native), German",
    "addresses": "a@b.example",
    "labels": "Skills: Go",
    "certificates": "- Certified Scrum Master, 2019",
}


#: A second or two of work, which a busy machine may not get done in time.
_SLOW = (PARSED, TOO_COMPLEX)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


CASES: list[EvilPdf] = [
    *(case(f"a name: {k}", written(_RESUME.format(v)), PARSED) for k, v in _NAMES.items()),
    *(
        case(f"a name: {k}", written(_RESUME.format(v)), PARSED, reads=_composed(v))
        for k, v in _SCRIPTS.items()
    ),
    *(case(f"a line of {k}", partial(_plain, _escaped(v)), *_SLOW) for k, v in _LONG.items()),
    *(case(f"50 pages of {k}", partial(_pages_of, v), *_SLOW) for k, v in _MANY_LINES.items()),
    case("all of it outside the plane", lambda: written("𠀀" * (_MOST // 2)), PARSED),
    case("letters in one place", lambda: written("\n".join("a" * _MOST), line_pt=0), PARSED),
    case("50 MB of text", _fifty_megabytes),
    case("characters that stand for 500", _exploding),
    case("nothing but nul", written("\0" * 100), NO_TEXT),
    case("nothing but surrogates", written("\ud800" * 100)),
    case("nothing but spaces", written(" " * 100), NO_TEXT),
]
