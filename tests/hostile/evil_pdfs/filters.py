"""Streams that unpack to far more than they are, and pictures that claim to be immense."""

import zlib
from functools import partial

from tests.hostile.evil_pdfs.builder import MIB, one_page, page_object, repeated, show, stream
from tests.hostile.evil_pdfs.case import NO_TEXT, TOO_COMPLEX, EvilPdf, case

_SPACES = b" " * MIB
_HUGE = 2**31 - 1


def _contents(data: bytes, filters: bytes, parms: bytes = b"") -> bytes:
    return one_page(stream(data, b"/Filter [%s] /DecodeParms [%s]" % (filters, parms)))


def _deflated(layers: int, mib: int) -> bytes:
    data = repeated(_SPACES, mib)
    for _ in range(layers - 1):
        data = zlib.compress(data, 9)
    return _contents(data, b"/FlateDecode " * layers)


def _lzw(mib: int) -> bytes:
    """Spaces in LZW: each code stands for a string that is one longer, until the table is full."""
    bits: list[str] = []
    made = 0
    while made < mib * MIB:
        bits.append(f"{256:09b}")
        code, width, length = 258, 9, 1
        bits.append(f"{32:09b}")
        made += 1
        while code < 4094 and made < mib * MIB:
            # The code about to be defined: the last string and its own first character again.
            bits.append(f"{code:0{width}b}")
            length += 1
            made += length
            code += 1
            width = 9 + (code >= 511) + (code >= 1023) + (code >= 2047)
    bits.append(f"{257:012b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8)


def _run_lengths(layers: int) -> bytes:
    """Two bytes for each 128; another layer packs those pairs no further, so few are of use."""
    data = b"\x81 " * (4 * MIB)
    for _ in range(layers - 1):
        data = b"".join(b"\x7f" + data[at : at + 128] for at in range(0, len(data), 128))
    return _contents(data + b"\x80", b"/RunLengthDecode " * layers)


def _base85() -> bytes:
    """Each `z` is four zero bytes."""
    return _contents(b"z" * (9 * MIB) + b"~>", b"/ASCII85Decode")


def _base85_of_deflated() -> bytes:
    return _contents(zlib.compress(b"z" * (64 * MIB) + b"~>", 9), b"/FlateDecode /ASCII85Decode")


def _predicted(parms: bytes, data: bytes = b"\x02 " * 64) -> bytes:
    return _contents(zlib.compress(data), b"/FlateDecode", b"<< %s >>" % parms)


def _wide_table(width: bytes) -> bytes:
    """A table of references whose columns are as wide as is said."""
    body = one_page()
    at = len(body)
    entries = b"/Type /XRef /Size 6 /W [1 %s 1] /Root 1 0 R /Index [0 %s]" % (width, width)
    return body + b"6 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (stream(b"\1" * 99, entries), at)


def _bombed_table() -> bytes:
    body = one_page()
    entries = b"/Type /XRef /Size 9999999 /W [1 4 1] /Root 1 0 R /Filter /FlateDecode"
    table = stream(repeated(b"\1\0\0\0\1\0" * (MIB // 6), 512), entries)
    return body + b"6 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (table, len(body))


def _picture(entries: bytes, data: bytes = b"\0" * 64, *extra: bytes) -> bytes:
    """A page that shows one picture and no text."""
    picture = stream(data, b"/Type /XObject /Subtype /Image " + entries)
    page = page_object(resources=b"/XObject << /I 6 0 R >>")
    return one_page(stream(b"q 500 0 0 500 0 0 cm /I Do Q"), picture, *extra, page=page)


_SIZE = b"/Width 1000000 /Height 1000000 "
_GREY = b"/ColorSpace /DeviceGray /BitsPerComponent 8 "
_JPX = (
    b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 \0\0\0\x2djp2h\0\0\0\x16ihdr"
    b"\x7f\xff\xff\xff\x7f\xff\xff\xff\0\x03\x07\x07\0\0\0\0\0\x0fcolr\1\0\0\0\0\0\x10\0\0\0\0jp2c"
    b"\xff\x4f\xff\x51\0\x2f\0\0\x7f\xff\xff\xff\x7f\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
)
_JBIG2_PAGE = b"\0\0\0\0\x30\0\1\0\0\0\x13\x7f\xff\xff\xff\x7f\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0"
_JBIG2_SYMBOLS = (
    b"\0\0\0\1\0\1\1\0\0\0\x12\0\0\3\xff\xfd\xff\2\xfe\xfe\xfe\x7f\xff\xff\xff\x7f\xff\xff\xff"
)
_JPEG = (
    b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x22\0\2\x11\1\3\x11\1"
    b"\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0"
)

_PICTURES = {
    "10^12 pixels": _picture(_SIZE + _GREY),
    "a bomb of pixels": _picture(
        _SIZE + _GREY + b"/Filter /FlateDecode", repeated(bytes(MIB), 1024)
    ),
    "a negative size": _picture(b"/Width -5 /Height -5 " + _GREY),
    "2^31 bits each": _picture(
        b"/Width 9 /Height 9 /ColorSpace /DeviceGray /BitsPerComponent 2147483647"
    ),
    "a mask of itself": _picture(b"/Width 9 /Height 9 /SMask 6 0 R " + _GREY),
    "colours of itself": _picture(
        b"/Width 9 /Height 9 /BitsPerComponent 8 /ColorSpace [/Indexed 6 0 R 255 6 0 R]"
    ),
    "jpx": _picture(_SIZE + b"/Filter /JPXDecode", _JPX),
    "jbig2 page": _picture(_SIZE + b"/Filter /JBIG2Decode", _JBIG2_PAGE),
    "jbig2 symbols": _picture(
        _SIZE + b"/Filter /JBIG2Decode /DecodeParms << /JBIG2Globals 7 0 R >>",
        _JBIG2_PAGE,
        stream(_JBIG2_SYMBOLS),
    ),
    "jpeg": _picture(_SIZE + _GREY + b"/Filter /DCTDecode", _JPEG),
    "fax": _picture(
        _SIZE
        + _GREY
        + b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 2147483647 /Rows 2147483647 >>"
    ),
}

_PREDICTORS = {
    "2^31 columns": b"/Predictor 12 /Columns %d" % _HUGE,
    "2^31 of everything": b"/Predictor 15 /Columns %d /Colors %d /BitsPerComponent %d"
    % ((_HUGE,) * 3),
    "of TIFF, 2^31 columns": b"/Predictor 2 /Columns %d /Colors 4" % _HUGE,
    "minus one column": b"/Predictor 12 /Columns -1",
    "no columns": b"/Predictor 12 /Columns 0",
    "an unknown number": b"/Predictor 99 /Columns 9",
}

CASES: list[EvilPdf] = [
    case("flate: 1 GiB", partial(_deflated, 1, 1024), TOO_COMPLEX),
    case("flate twice: 4 GiB", partial(_deflated, 2, 4096), TOO_COMPLEX),
    case("flate three times: 4 GiB", partial(_deflated, 3, 4096), TOO_COMPLEX),
    case("lzw: 64 MiB", lambda: _contents(_lzw(64), b"/LZWDecode"), NO_TEXT),
    case(
        "lzw in flate: 64 MiB",
        lambda: _contents(zlib.compress(_lzw(64)), b"/FlateDecode /LZWDecode"),
        NO_TEXT,
    ),
    case("ascii85: 36 MiB", _base85, NO_TEXT),
    case("ascii85 in flate: 256 MiB", _base85_of_deflated),
    case("run lengths: 512 MiB", partial(_run_lengths, 1)),
    case("run lengths twice", partial(_run_lengths, 2)),
    case(
        "run lengths in flate: 4 GiB",
        lambda: _contents(repeated(b"\x81 " * (MIB // 2), 64), b"/FlateDecode /RunLengthDecode"),
    ),
    case("a thousand filters", lambda: _contents(b"x" * 99, b"/ASCIIHexDecode " * 1000), NO_TEXT),
    case("a filter of itself", one_page(stream(show(), b"/Filter 4 0 R"))),
    case("an unknown filter", one_page(stream(show(), b"/Filter /Nonsense"))),
    case("flate that is none", one_page(stream(b"nonsense", b"/Filter /FlateDecode")), NO_TEXT),
    case("flate that is cut off", _contents(zlib.compress(show())[:-20], b"/FlateDecode")),
    *(case(f"predictor: {name}", _predicted(parms)) for name, parms in _PREDICTORS.items()),
    case("a table of references 2^31 wide", _wide_table(b"%d" % _HUGE)),
    case("a table of references minus one wide", _wide_table(b"-1")),
    case("a table of references that is a bomb", _bombed_table),
    *(case(f"picture: {name}", data, NO_TEXT) for name, data in _PICTURES.items()),
    case(
        "a picture in the page's contents",
        one_page(stream(b"BI /W 1000000 /H 1000000 /CS /G /BPC 8 ID " + b"\0" * 99 + b" EI")),
        NO_TEXT,
    ),
]
