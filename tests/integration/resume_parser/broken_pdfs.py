"""PDFs that no resume can be read from, and some that mean harm."""

import zlib

from fpdf import FPDF

_MIB = 1024 * 1024


def encrypted(*, user_password: str = "secret") -> bytes:
    """A PDF with text; without a user password anybody can open it."""
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner", user_password=user_password or None)
    pdf.add_page()
    pdf.set_font("Helvetica", size=20)
    pdf.cell(text="Jane Example")
    return bytes(pdf.output())


def picture_only() -> bytes:
    """A page with a drawing and no text, as a scanner makes."""
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(20, 20, 100, 100, style="F")
    return bytes(pdf.output())


def zero_pages() -> bytes:
    return _document("<< /Type /Pages /Kids [] /Count 0 >>")


def flate_bomb(size_mib: int = 2048) -> bytes:
    """A few kilobytes whose page content unpacks, twice, to `size_mib`."""
    deflater = zlib.compressobj(9)
    head = deflater.compress(b" " * _MIB) + deflater.flush(zlib.Z_FULL_FLUSH)
    # Blocks that end with a full flush do not look back, so one can be repeated.
    block = deflater.compress(b" " * _MIB) + deflater.flush(zlib.Z_FULL_FLUSH)
    stream = zlib.compress(head + block * (size_mib - 1) + deflater.flush(), 9)
    return _document(
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        f"<< /Length {len(stream)} /Filter [/FlateDecode /FlateDecode] >>",
        stream=stream,
    )


def _document(*objects: str, stream: bytes = b"") -> bytes:
    """Write the objects as a PDF, the stream into the last one; object 1 is the catalogue."""
    body = b"%PDF-1.7\n"
    offsets = []
    texts = ["<< /Type /Catalog /Pages 2 0 R >>", *objects]
    for number, text in enumerate(texts, 1):
        offsets.append(len(body))
        content = text.encode()
        if stream and number == len(texts):
            content += b"\nstream\n" + stream + b"\nendstream"
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(texts) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, trailer)
