"""References and trees that loop, lie, or are deeper or longer than any reader expects."""

import zlib
from functools import partial

from tests.hostile.evil_pdfs.builder import (
    CATALOG,
    FONT,
    NAME,
    body_of,
    document,
    end,
    one_page,
    page_object,
    show,
    stream,
)
from tests.hostile.evil_pdfs.case import (
    EMPTY,
    ENCRYPTED,
    PARSED,
    UNREADABLE,
    EvilPdf,
    case,
)

_GOOD = one_page()
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_DEEP = 50_000


def _with_pages(pages: bytes, *kids: bytes) -> bytes:
    """A document whose page tree is `pages`; its kids follow from object 3."""
    return document([CATALOG % b"", pages, *kids])


def _startxref(place: bytes) -> bytes:
    start = _GOOD.index(b"startxref")
    return _GOOD[:start] + b"startxref\n%s\n%%%%EOF\n" % place


def _xref_streams(*previous: int | None) -> bytes:
    """The good document with streams for its tables; each names as `/Prev` the one so numbered."""
    body, offsets = body_of([CATALOG % b"", _PAGES, page_object(), stream(show()), FONT])
    rows = b"".join(b"\x01" + offset.to_bytes(4) + b"\0" for offset in [0, *offsets])
    tables: list[bytes] = []
    # Two rounds: the first tells where the tables will stand, for those that name a later one.
    for _ in range(2):
        places = [len(body) + len(b"".join(tables[:number])) for number in range(len(previous))]
        tables = [
            b"%d 0 obj\n%s\nendobj\n" % (6 + number, _xref_stream(rows, prev, places))
            for number, prev in enumerate(previous)
        ]
    return body + b"".join(tables) + end(places[-1])


def _xref_stream(rows: bytes, prev: int | None, places: list[int]) -> bytes:
    chain = b"" if prev is None else b"/Prev %010d" % places[prev]
    entries = b"/Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R /Filter /FlateDecode " + chain
    return stream(zlib.compress(rows), entries)


def _object_stream(entries: bytes, content: bytes, *, holder: int = 6) -> bytes:
    """A document whose page tree (object 2) is said to lie in the object stream `holder`."""
    page, text = page_object(), stream(show())
    body, offsets = body_of([CATALOG % b"", b"null", page, text, FONT, stream(content, entries)])
    rows = [b"\0\0\0\0\0\0"] + [b"\x01" + offset.to_bytes(4) + b"\0" for offset in offsets]
    rows[2] = b"\x02" + holder.to_bytes(4) + b"\0"
    table = stream(b"".join(rows), b"/Type /XRef /Size 7 /W [1 4 1] /Root 1 0 R")
    return body + b"7 0 obj\n" + table + b"\nendobj\n" + end(len(body))


def _updated(times: int) -> bytes:
    """The good document saved again and again, as a program does that appends its changes."""
    data, last = bytearray(_GOOD), _GOOD.rindex(b"xref\n0 ")
    for number in range(times):
        offset = len(data)
        text = NAME.encode() if number == times - 1 else b"John %d" % number
        data += b"4 0 obj\n%s\nendobj\n" % stream(show(text))
        start = len(data)
        data += b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\n%s" % (
            offset, last, end(start),
        )  # fmt: skip
        last = start
    return bytes(data)


def _many_pages(count: int) -> bytes:
    """Pages that inherit what they can: 100,000 of them stay below the 10 MiB of an upload."""
    kids = b" ".join(b"%d 0 R" % (6 + number) for number in range(count))
    tree = b"<< /Type /Pages /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> %s >>"
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R>>"
    pages = tree % (b"/Kids [%s] /Count %d" % (kids, count))
    return document([CATALOG % b"", pages, b"null", stream(show()), FONT, *([page] * count)])


def _deep_tree(depth: int) -> bytes:
    """Page trees inside page trees, the page at the bottom."""
    nodes = [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>" % (7 + level, 5 + level)
        for level in range(depth)
    ]
    tree = b"<< /Type /Pages /Kids [6 0 R] /Count 1 >>"
    nothing = [b"null", stream(show()), FONT]
    return document([CATALOG % b"", tree, *nothing, *nodes, page_object()])


_ONE = (_PAGES, page_object(), stream(show()), FONT)
_TREES = {
    "a page tree that is its own kid": _with_pages(b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
    "two page trees that are each other's kids": _with_pages(
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
    ),
    "a page tree that is its own parent": _with_pages(
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>", *_ONE[1:]
    ),
    "a page tree without kids and a count": _with_pages(b"<< /Type /Pages /Count 7 >>"),
    "kids that are no objects": _with_pages(
        b"<< /Type /Pages /Kids [1 (x) null 9 0 R] /Count 4 >>"
    ),
    "one page a thousand times": _with_pages(
        b"<< /Type /Pages /Kids [%s] /Count 1000 >>" % (b"3 0 R " * 1000), *_ONE[1:]
    ),
    "an alias of itself": document([CATALOG % b"", b"2 0 R"]),
    "aliases in a ring": document([CATALOG % b"", b"3 0 R", b"4 0 R", b"2 0 R"]),
    "contents that are an array of itself": one_page(b"[4 0 R 4 0 R]"),
    "a catalogue of the wrong type": document([b"[1 2 3]", *_ONE]),
    "no catalogue": document([b"null", *_ONE]),
}

_COUNTS = {
    "a thousand million": b"1000000000",
    "2^31": b"2147483648",
    "minus five": b"-5",
    "none": b"0",
    "no number": b"(x)",
    "a fraction": b"1.5",
    "itself": b"2 0 R",
}

_LENGTHS = {
    "0": b"0",
    "minus one": b"-1",
    "far behind the end": b"99999999",
    "2^63": b"9223372036854775808",
    "itself": b"4 0 R",
    "a missing object": b"77 0 R",
    "no number": b"/Name",
}

_OBJECT_STREAMS = {
    "holds itself": _object_stream(b"/Type /ObjStm /N 1 /First 4", b"6 0 null"),
    "lies in itself": _object_stream(b"/Type /ObjStm /N 1 /First 4", b"2 0 " + _PAGES, holder=2),
    "extends itself": _object_stream(
        b"/Type /ObjStm /N 1 /First 4 /Extends 6 0 R", b"2 0 " + _PAGES
    ),
    "of 2^31 objects": _object_stream(b"/Type /ObjStm /N 2147483647 /First 4", b"2 0 " + _PAGES),
    "of minus one object": _object_stream(b"/Type /ObjStm /N -1 /First 4", b"2 0 " + _PAGES),
    "begins before itself": _object_stream(b"/Type /ObjStm /N 1 /First -9", b"2 0 " + _PAGES),
    "begins behind itself": _object_stream(b"/Type /ObjStm /N 1 /First 9999", b"2 0 " + _PAGES),
}

CASES: list[EvilPdf] = [
    *(case(f"tree: {name}", data) for name, data in _TREES.items()),
    case("tree: no pages", _with_pages(b"<< /Type /Pages /Kids [] /Count 0 >>"), EMPTY),
    *(
        case(
            f"/Count: {name}", _with_pages(_PAGES.replace(b"/Count 1", b"/Count " + lie), *_ONE[1:])
        )
        for name, lie in _COUNTS.items()
    ),
    *(case(f"/Length: {k}", one_page(stream(show(), length=v))) for k, v in _LENGTHS.items()),
    *(case(f"an object stream: {name}", data) for name, data in _OBJECT_STREAMS.items()),
    case("startxref at itself", _startxref(b"%d" % _GOOD.index(b"startxref"))),
    case("startxref before the file", _startxref(b"-1")),
    case("startxref behind the file", _startxref(b"99999999999999999999")),
    case("startxref at the header", _startxref(b"0")),
    case("a table that follows itself", one_page(trailer=b"/Prev %d" % _GOOD.rindex(b"xref\n0 "))),
    case("a table stream that follows itself", _xref_streams(0)),
    case("two table streams that follow each other", _xref_streams(1, 0)),
    case("a table stream after a table stream", _xref_streams(None, 0), PARSED),
    case("a table whose stream is the table", one_page(trailer=b"/XRefStm 9")),
    case("a table of 10^9 objects", document([CATALOG % b"", *_ONE], size=10**9)),
    case("a table that leads astray", _GOOD.replace(b"0000000009 ", b"0000000200 ")),
    case("an object numbered 10^9", _GOOD.replace(b"5 0 obj", b"1000000000 0 obj"), PARSED),
    case("no table", _GOOD.replace(b"xref\n0", b"xxxx\n0"), PARSED),
    case(
        "linearized, but not so",
        _GOOD.replace(b"1 0 obj", b"9 0 obj<</Linearized 1/L 9/N 9>>endobj 1 0 obj"),
    ),
    case("1000 updates", partial(_updated, 1000), PARSED),
    case("100,000 pages", partial(_many_pages, 100_000), PARSED),
    case("page trees 50,000 deep", partial(_deep_tree, _DEEP)),
    case("arrays 50,000 deep", lambda: one_page(catalog=b"/X " + b"[" * _DEEP + b"]" * _DEEP)),
    case(
        "dictionaries 50,000 deep",
        lambda: one_page(catalog=b"/X " + b"<</X " * _DEEP + b">>" * _DEEP),
    ),
    case("arrays that never end", one_page(catalog=b"/X " + b"[" * _DEEP)),
    case("a string that never ends", one_page(catalog=b"/X (" + b"(" * _DEEP)),
    case("a name of a megabyte", lambda: one_page(catalog=b"/" + b"x" * 2**20 + b" 1"), PARSED),
    case(
        "200,000 annotations",
        lambda: one_page(page=page_object(b"/Annots [%s]" % (b"3 0 R " * 200_000))),
    ),
    case("encrypted with nothing", one_page(trailer=b"/Encrypt << >>"), ENCRYPTED),
    case(
        "nothing but a table", b"%PDF-1.7\nxref\n0 0\ntrailer\n<< /Size 0 >>\n" + end(9), UNREADABLE
    ),
]
