"""Page contents that draw themselves, draw without end, or draw outside any page."""

from functools import partial

from tests.hostile.evil_pdfs.builder import (
    CATALOG,
    FONT,
    MIB,
    NAME,
    document,
    one_page,
    page_object,
    repeated,
    show,
    stream,
)
from tests.hostile.evil_pdfs.case import NO_TEXT, PARSED, TOO_COMPLEX, EvilPdf, case

_FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] "
_MANY = 200_000


def multiplied(levels: int) -> bytes:
    """Forms that each draw the next one ten times: 10 ** levels pieces of work, all kept."""
    forms = [
        stream(b"/N Do " * 10, _FORM + b"/Resources << /XObject << /N %d 0 R >> >>" % (number + 1))
        for number in range(6, 6 + levels)
    ]
    last = stream(b"0 0 1 1 re f", _FORM)
    page = page_object(resources=b"/XObject << /N 6 0 R >>")
    return one_page(stream(show() + b" /N Do"), *forms, last, page=page)


def endless() -> bytes:
    """A minute of work that needs little memory: on 50 pages 16 million changes of colour each."""
    tree = b"<< /Type /Pages /Kids [%s] /Count 50 >>" % (b"3 0 R " * 50)
    changes = stream(repeated(b"0 g 1 g " * (MIB // 8), 64), b"/Filter /FlateDecode")
    return document([CATALOG % b"", tree, page_object(), changes, FONT])


def _form(contents: bytes, resources: bytes) -> bytes:
    form = stream(contents, _FORM + b"/Resources << %s >>" % resources)
    page = page_object(resources=b"/XObject << /N 6 0 R >>")
    return one_page(stream(b"/N Do " + show()), form, page=page)


def _page(entries: bytes) -> bytes:
    return one_page(page=page_object(entries))


def _glyphs(contents: bytes) -> bytes:
    """A font whose glyphs are drawn by page contents."""
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [.001 0 0 .001 0 0]"
        b" /FirstChar 65 /LastChar 65 /Widths [1000] /CharProcs << /A 6 0 R >>"
        b" /Resources << /Font << /F1 5 0 R >> >>"
        b" /Encoding << /Type /Encoding /Differences [65 /A] >> >>"
    )
    return one_page(stream(show(b"AAAA")), stream(contents), font=font)


_BOXES = {
    "none of it": b"[]",
    "endless": b"[-1e38 -1e38 1e38 1e38]",
    "turned inside out": b"[595 842 0 0]",
    "a point": b"[5 5 5 5]",
    "words": b"[/a /b (c) null]",
    "itself": b"3 0 R",
}

_MATRICES = {
    "nothing": b"0 0 0 0 0 0",
    "endless": b"1e38 0 0 1e38 1e38 1e38",
    "no numbers": b"(a) /b null [] 1 2",
    "a mirror": b"-1 0 0 -1 0 0",
    "too few": b"1 0",
    "longer than a number may be": b"9" * 400 + b" 0 0 " + b"9" * 400 + b" 0 0",
}


def _placed(matrix: bytes) -> bytes:
    return one_page(stream(b"BT /F1 20 Tf %s Tm (%s) Tj ET" % (matrix, NAME.encode())))


CASES: list[EvilPdf] = [
    case("forms that draw 10^30 times", partial(multiplied, 30), TOO_COMPLEX),
    case("a minute of work", endless, TOO_COMPLEX),
    case("a form that draws itself", _form(b"/N Do " * 2, b"/XObject << /N 6 0 R >>")),
    case("a glyph that is drawn with itself", _glyphs(b"1000 0 d0 BT /F1 20 Tf (A) Tj ET")),
    case("a glyph that draws nothing", _glyphs(b"")),
    case(
        "a pattern that is filled with itself",
        one_page(
            stream(b"/Pattern cs /P scn 0 0 99 99 re f " + show()),
            stream(
                b"/Pattern cs /P scn 0 0 99 99 re f",
                b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 0 /YStep 0"
                b" /Resources << /Pattern << /P 6 0 R >> >>",
            ),
            page=page_object(resources=b"/Pattern << /P 6 0 R >>"),
        ),
        PARSED,
    ),
    case(
        "a colour space of itself",
        one_page(
            stream(b"/C cs 1 scn " + show()),
            b"[/Indexed 6 0 R 1 (abc)]",
            page=page_object(resources=b"/ColorSpace << /C 6 0 R >>"),
        ),
        PARSED,
    ),
    case(
        "a function of itself",
        one_page(
            stream(b"/S sh " + show()),
            b"<< /ShadingType 2 /ColorSpace /DeviceGray /Coords [0 0 1 1] /Function 7 0 R >>",
            b"<< /FunctionType 3 /Domain [0 1] /Functions [7 0 R 7 0 R] /Bounds [.5]"
            b" /Encode [0 1 0 1] >>",
            page=page_object(resources=b"/Shading << /S 6 0 R >>"),
        ),
        PARSED,
    ),
    case("states saved without end", lambda: one_page(stream(b"q " * _MANY + show())), PARSED),
    case("states restored without end", lambda: one_page(stream(b"Q " * _MANY + show())), PARSED),
    case("marks that never end", lambda: one_page(stream(b"/A BMC " * _MANY + show()))),
    case("arrays in the contents", lambda: one_page(stream(b"[" * _MANY + show()))),
    case(
        "dictionaries in the contents", lambda: one_page(stream(b"/A " + b"<</A " * _MANY + show()))
    ),
    case(
        "a path of a million pieces",
        lambda: one_page(stream(b"9 9 m " + b"1 1 l " * 10**6 + b"S " + show())),
    ),
    case(
        "half a million clips", lambda: one_page(stream(b"0 0 9 9 re W n " * (10**6 // 2) + show()))
    ),
    case(
        "operators without operands",
        one_page(stream(b"Tj TJ ' \" Tf Td Tm cm re l c gs Do sh d " + show())),
    ),
    case(
        "a font that is nowhere",
        one_page(stream(b"BT /Nowhere 20 Tf 72 720 Td (Jane Example) Tj ET")),
    ),
    *(
        case(f"page box: {k}", _page(b"/MediaBox " + v + b" /CropBox " + v))
        for k, v in _BOXES.items()
    ),
    *(case(f"text matrix: {name}", _placed(matrix)) for name, matrix in _MATRICES.items()),
    case("a page turned by 45 degrees", _page(b"/Rotate 45"), PARSED),
    case("a page turned by 2^31 degrees", _page(b"/Rotate 2147483648"), PARSED),
    case("a unit of 10^30", _page(b"/UserUnit 1e30"), PARSED),
    case("a type size of 10^30", one_page(stream(show().replace(b"20 Tf", b"1e30 Tf")))),
    case("a type size of nothing", one_page(stream(show().replace(b"20 Tf", b"0 Tf")))),
    case("a page without contents", one_page(stream(b"")), NO_TEXT),
]
