"""What can be wrong with a PDF, in words for the person who uploaded it.

Raised anywhere below `app.py`, which alone turns them into answers. No message names a path, a
library or a host.
"""


class PdfError(Exception):
    """The PDF cannot be read as a resume; `message` says what to do, `reason` is for the log."""

    reason = "unreadable"
    message = (
        "The file could not be read as a PDF. It may be damaged: open it, export it as PDF again "
        "and upload the new file."
    )


class EncryptedPdfError(PdfError):
    """The PDF asks for a password before it shows its text."""

    reason = "encrypted"
    message = (
        "The PDF is protected by a password. Save a copy without the password and upload that."
    )


class EmptyPdfError(PdfError):
    """The PDF has no pages."""

    reason = "empty"
    message = "The PDF has no pages. Export your resume again and upload the new file."


class NoTextError(PdfError):
    """The PDF's pages show pictures only, or nothing."""

    reason = "no_text"
    message = (
        "The PDF contains no text: it is empty, a scan or a picture. Export your resume as PDF "
        "from the program you wrote it in (for example Word or Google Docs) and upload that."
    )


class TooComplexPdfError(PdfError):
    """Reading the PDF took more time or memory than one resume may."""

    reason = "too_complex"
    message = (
        "The PDF is too complex to be read. Export your resume again as a simple PDF, without "
        "embedded files or large pictures, and upload that."
    )
