"""A PDF writer that lets everything be wrong: objects are bytes, offsets alone are right.

Object 1 is the catalogue, 2 the page tree; a document of one page has it at 3, its contents at 4,
its font at 5, and whatever a case adds from 6.
"""

import zlib
from collections.abc import Sequence

NAME = "Jane Example"
MIB = 1024 * 1024
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R %s >>"


def body_of(objects: Sequence[bytes], first: int = 1) -> tuple[bytes, list[int]]:
    """Write the objects after a header; return the bytes and each object's offset."""
    body = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, first):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    return bytes(body), offsets


def document(objects: Sequence[bytes], trailer: bytes = b"", *, size: int | None = None) -> bytes:
    """A file of these objects with a table of references and a trailer."""
    body, offsets = body_of(objects)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return b"%sxref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\n%s" % (
        body, count, entries, count if size is None else size, trailer, end(len(body)),
    )  # fmt: skip


def end(start: int) -> bytes:
    return b"startxref\n%d\n%%%%EOF\n" % start


def stream(data: bytes, entries: bytes = b"", *, length: bytes | None = None) -> bytes:
    """A stream object; `length` lies about it."""
    told = b"%d" % len(data) if length is None else length
    return b"<< %s /Length %s >>\nstream\n%s\nendstream" % (entries, told, data)


def show(text: bytes = NAME.encode()) -> bytes:
    """Page contents that show the text, or a hex string if it begins with `<`."""
    shown = text if text.startswith(b"<") else b"(%s)" % text
    return b"BT /F1 20 Tf 72 720 Td %s Tj ET" % shown


def page_object(entries: bytes = b"", resources: bytes = b"", font: bytes = b"5 0 R") -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 %s >> %s >> %s >>" % (font, resources, entries)
    )


def one_page(
    contents: bytes | None = None,
    *extra: bytes,
    catalog: bytes = b"",
    page: bytes | None = None,
    font: bytes = FONT,
    trailer: bytes = b"",
) -> bytes:
    """A document of one page; `contents` is a stream object, `extra` objects start at number 6."""
    return document(
        [
            CATALOG % catalog,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page or page_object(),
            contents or stream(show()),
            font,
            *extra,
        ],
        trailer,
    )


def repeated(unit: bytes, times: int) -> bytes:
    """Deflate `unit` * `times` without ever holding it: a few kilobytes for a gigabyte."""
    deflater = zlib.compressobj(9)
    head = deflater.compress(unit) + deflater.flush(zlib.Z_FULL_FLUSH)
    # Blocks that end with a full flush do not look back, so one can be repeated. The checksum at
    # the end is one of two blocks: readers of PDFs do not mind.
    block = deflater.compress(unit) + deflater.flush(zlib.Z_FULL_FLUSH)
    return head + block * (times - 1) + deflater.flush()
