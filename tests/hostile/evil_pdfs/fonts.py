"""Fonts whose tables loop, lie or explode."""

import zlib

from tests.hostile.evil_pdfs.builder import FONT, MIB, one_page, repeated, show, stream
from tests.hostile.evil_pdfs.case import PARSED, EvilPdf, case

_CMAP = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
    b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n%s\nendcmap end end"
)
_CODES = show(b"<00410042004300440045>")


def composite(
    to_unicode: bytes, contents: bytes = _CODES, entries: bytes = b"", *extra: bytes
) -> bytes:
    """A page in a two-byte font whose meaning is object 7; `entries` win, `extra` start at 8."""
    usual = {
        b"/Encoding": b"/Identity-H", b"/DescendantFonts": b"[6 0 R]", b"/ToUnicode": b"7 0 R",
    }  # fmt: skip
    kept = b" ".join(b"%s %s" % (k, v) for k, v in usual.items() if k + b" " not in entries + b" ")
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /X %s %s >>" % (kept, entries)
    descendant = (
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /DW 500 /CIDToGIDMap /Identity"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    )
    return one_page(stream(contents), descendant, to_unicode, *extra, font=font)


def mapped(lines: bytes) -> bytes:
    """A meaning of the codes, by lines of a CMap."""
    return stream(zlib.compress(_CMAP % lines), b"/Filter /FlateDecode")


_BOMB = stream(repeated(b"<0041> <0042> " * (MIB // 14), 1024), b"/Filter /FlateDecode")
_MEANINGS = {
    "nonsense": stream(b"\0\1\2 begincmap <<<< >>>> ((( endbfchar"),
    "itself": stream(_CMAP % b"7 0 R usecmap", b"/Type /CMap /UseCMap 7 0 R"),
    "a range of 2^32": mapped(b"1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange"),
    "a range that ends before it begins": mapped(b"1 beginbfrange <FFFF> <0000> <0041> endbfrange"),
    "2^31 characters": mapped(b"2147483647 beginbfchar <0041> <0042> endbfchar"),
    "a map that never ends": stream(_CMAP[:100] + b"9 beginbfchar <0041> <00"),
    "a million characters": mapped(b"1 beginbfchar " + b"<0041> <0042> " * 10**6 + b"endbfchar"),
    "a bomb": _BOMB,
    "arrays 50,000 deep": mapped(b"1 beginbfrange <0041> <0045> " + b"[" * 50_000),
    "no stream": b"<< /Not /AStream >>",
}  # fmt: skip

_ENTRIES = {
    "a descendant that is itself": b"/DescendantFonts [5 0 R]",
    "no descendant": b"/DescendantFonts []",
    "an encoding of itself": b"/Encoding 5 0 R",
    "an encoding that is a bomb": b"/Encoding 8 0 R",
    "an unknown encoding": b"/Encoding /Nonsense-H",
    "an encoding for another script": b"/Encoding /UniGB-UCS2-H",
}

_SIMPLE = {
    "a name of 100,000 bytes": FONT.replace(b"/Helvetica", b"/" + b"X" * 100_000),
    "a name of nothing": FONT.replace(b"/Helvetica", b"/"),
    "no name": b"<< /Type /Font /Subtype /Type1 >>",
    "an unknown type": FONT.replace(b"/Type1", b"/Type99"),
    "widths of nothing": FONT.replace(b" >>", b" /FirstChar 0 /LastChar 2147483647 /Widths [] >>"),
    "a width of 10^38": FONT.replace(b" >>", b" /FirstChar 32 /LastChar 32 /Widths [1e38] >>"),
    "100,000 differences": FONT.replace(
        b" >>", b" /Encoding << /Differences [0 %s] >> >>" % (b"/A " * 10**5)
    ),
    "a descriptor of itself": FONT.replace(b"/Helvetica", b"/Strange /FontDescriptor 5 0 R"),
    "it is no font": b"[1 2 3]",
    "it is itself": b"5 0 R",
}


def _with_file(key: bytes, data: bytes, entries: bytes = b"") -> bytes:
    """A page in a font whose program is the data."""
    font = FONT.replace(b"/Type1", b"/TrueType").replace(
        b"/Helvetica", b"/Strange /FontDescriptor 6 0 R"
    )
    descriptor = b"<< /Type /FontDescriptor /FontName /Strange /Flags 32 /%s 7 0 R >>" % key
    return one_page(None, descriptor, stream(data, entries), font=font)


#: A table directory: 65,535 tables, each at 2^32 - 1.
_TABLES = b"\0\1\0\0\xff\xff\0\0\0\0\0\0" + b"glyf\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff" * 1000
_CFF = b"\1\0\4\4\xff\xff\4" + b"\xff" * 5000

CASES: list[EvilPdf] = [
    *(case(f"characters that mean {k}", composite(v)) for k, v in _MEANINGS.items()),
    *(
        case(f"a composite font with {name}", composite(mapped(b""), _CODES, entry, _BOMB))
        for name, entry in _ENTRIES.items()
    ),
    *(case(f"a font: {name}", one_page(font=font)) for name, font in _SIMPLE.items()),
    case("a font's program that is nonsense", _with_file(b"FontFile2", b"nonsense"), PARSED),
    case("a font's program with tables at 2^32", _with_file(b"FontFile2", _TABLES), PARSED),
    case("a font's program of ones", _with_file(b"FontFile3", _CFF, b"/Subtype /Type1C"), PARSED),
    case(
        "a font's program that is a bomb",
        lambda: _with_file(
            b"FontFile2", repeated(b"\0\1\0\0" * (MIB // 4), 2048), b"/Filter /FlateDecode"
        ),
    ),
]
