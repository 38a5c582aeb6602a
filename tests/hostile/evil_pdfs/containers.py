"""Files that are no PDF, or another kind of file as well, or not all of one."""

import random
from functools import partial
from pathlib import Path

from tests.hostile.evil_pdfs.builder import NAME, one_page, show, stream
from tests.hostile.evil_pdfs.case import PARSED, UNREADABLE, EvilPdf, case

_SAMPLE = Path(__file__).parents[3] / "samples" / "resume.pdf"
_GOOD = one_page()
_SEED = 20_201
_FLIPPED_SHARE = 0.002

_HTML = b"<!DOCTYPE html><script>alert(document.domain)</script>"
_ZIP = b"PK\x03\x04\x14\x00\x00\x00\x00\x00" + b"\0" * 20
_ZIP_END = b"PK\x05\x06" + b"\0" * 18
_PE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + b"\0" * 46 + b"\x80\0\0\0"
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"

_NO_PDFS = {
    "one byte": b"%",
    "four bytes": b"%PDF",
    "the magic alone": b"%PDF-",
    "the magic and the end": b"%PDF-1.7\n%%EOF\n",
    "spaces": b" " * 4096,
    "zeros": bytes(100_000),
    "png": b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
    "zip": _ZIP + _ZIP_END,
    "html": _HTML,
    "windows program": _PE + b"\0" * 500,
    "elf program": b"\x7fELF\x02\x01\x01" + b"\0" * 500,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\0" * 100,
    "rtf": rb"{\rtf1\ansi Jane Example}",
    "postscript": b"%!PS-Adobe-3.0\n/Helvetica findfont 20 scalefont setfont showpage\n",
    "utf-16": b"\xff\xfe" + _GOOD.decode("latin-1").encode("utf-16-le"),
    "the magic far behind": b"\n" * 5000 + _GOOD,
}

#: Readers look for the magic in the first 1024 bytes; what stands before it is somebody else's.
_POLYGLOTS = {
    "byte order mark first": b"\xef\xbb\xbf" + _GOOD,
    "magic at byte 1": b"\n" + _GOOD,
    "magic at byte 1000": b"\n" * 1000 + _GOOD,
    "html first": b"<!--" + _GOOD + b"-->" + _HTML,
    "html inside": b"%PDF-1.7\n%" + _HTML + b"\n" + _GOOD[9:],
    "javascript first": b"/*" + _GOOD + b"*/alert(1)",
    "zip first": _ZIP + _GOOD + _ZIP_END,
    "zip behind": _GOOD + _ZIP + _ZIP_END,
    "windows program first": _PE + _GOOD,
    "jpeg first": _JPEG + b"\xff\xfe\x04\x00" + _GOOD + b"\xff\xd9",
    "gif first": b"GIF89a/*" + _GOOD + b"*/=1;",
    "shell script first": b"#!/bin/sh\nexit 0\n" + _GOOD,
    "two pdfs": one_page(stream(show(b"John Sample"))) + _GOOD,
    "megabytes of rubbish behind": _GOOD + bytes(range(256)) * 16_384,
    "a version from the future": _GOOD.replace(b"%PDF-1.7", b"%PDF-9.9"),
    "a version without a number": _GOOD.replace(b"%PDF-1.7", b"%PDF-x.y"),
    "carriage returns for line ends": _GOOD.replace(b"\n", b"\r"),
}

#: Where the file is cut: before this, or inside it after so many bytes.
_CUTS = [
    (b"1 0 obj", 0), (b"1 0 obj", 4), (b"/Catalog", 4), (b"endobj", 0), (b"2 0 obj", 0),
    (b"/Kids", 8), (b"3 0 obj", 0), (b"/MediaBox", 12), (b"/Contents", 9), (b"stream", 0),
    (b"stream", 7), (NAME.encode(), 4), (b"endstream", 3), (b"5 0 obj", 0), (b"/Helvetica", 3),
    (b"xref", 0), (b"xref", 4), (b"xref", 30), (b"trailer", 0), (b"trailer", 7), (b"/Size", 3),
    (b"/Root", 6), (b"startxref", 0), (b"startxref", 9), (b"startxref", 11), (b"%%EOF", 0),
    (b"%%EOF", 3),
]  # fmt: skip


def _cut(before: bytes, inside: int) -> bytes:
    return _GOOD[: _GOOD.index(before) + inside]


def _cut_sample(percent: int) -> bytes:
    data = _SAMPLE.read_bytes()
    return data[: len(data) * percent // 100]


def flipped(data: bytes, seed: int) -> bytes:
    """Return the data with one bit in a few of its bytes the other way round."""
    dice = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(max(1, int(len(data) * _FLIPPED_SHARE))):
        damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def _flipped_sample(seed: int) -> bytes:
    return flipped(_SAMPLE.read_bytes(), seed)


CASES: list[EvilPdf] = [
    *(case(f"no pdf: {name}", data, UNREADABLE) for name, data in _NO_PDFS.items()),
    *(case(f"polyglot: {name}", data, PARSED) for name, data in _POLYGLOTS.items()),
    *(case(f"cut {cut[1]} into {cut[0].decode()}", partial(_cut, *cut)) for cut in _CUTS),
    *(case(f"sample cut at {p} %", partial(_cut_sample, p)) for p in (1, 10, 50, 90, 99)),
    *(case(f"bits flipped: {n}", flipped(_GOOD, _SEED + n)) for n in range(20)),
    *(case(f"sample's bits flipped: {n}", partial(_flipped_sample, n)) for n in range(20)),
]
