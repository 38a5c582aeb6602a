"""Multipart bodies as no client library would write them."""

from tests.services.client import SMALL_PDF

BOUNDARY = b"frontier"
CONTENT_TYPE = f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}"
TEN_MB = 10 * 1024 * 1024


def part(disposition: bytes, data: bytes = SMALL_PDF, *more: bytes) -> bytes:
    """Return one part; `more` are further header lines."""
    lines = [b"--" + BOUNDARY, b"Content-Disposition: " + disposition, *more, b"", data]
    return b"\r\n".join(lines) + b"\r\n"


def file_part(data: bytes = SMALL_PDF, *more: bytes, name: bytes = b"cv.pdf") -> bytes:
    return part(b'form-data; name="file"; filename="%b"' % name, data, *more)


def field(name: str, data: bytes = b"x") -> bytes:
    return part(f'form-data; name="{name}"'.encode(), data)


def form(*parts: bytes, end: bytes = b"--" + BOUNDARY + b"--\r\n") -> bytes:
    return b"".join(parts) + end


def pdf_of(size_bytes: int) -> bytes:
    return SMALL_PDF.ljust(size_bytes, b"\0")
