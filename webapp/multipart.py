"""Read the files of a multipart body, every bound checked while it arrives.

Werkzeug's decoder takes the body apart. Its form parser is not used: it reads other kinds of form
as well, keeps every field in memory, and takes part headers of a megabyte, which are seconds of
CPU in which a gevent process serves nobody else. Files are spooled to disk, fields are dropped.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

_CHUNK_BYTES = 64 * 1024
_SPOOL_BYTES = 512 * 1024
#: RFC 2046, 5.1.1.
_MAX_BOUNDARY_LENGTH = 70
#: Room for the longest file name there is, percent-encoded.
_MAX_PART_HEAD_BYTES = 16 * 1024
#: A form of ours has one; others' forms send a few fields beside.
_MAX_PARTS = 20


@dataclass(frozen=True)
class FilePart:
    """A part that came with a file name; `content` stands at its start."""

    field: str
    name: str
    content: IO[bytes]


def read_files(
    request: Request, opened: ExitStack, *, max_parts: int = _MAX_PARTS
) -> list[FilePart]:
    """Return the body's files, to be closed by `opened`; none where it is no whole multipart body.

    Raises RequestEntityTooLarge over the request's limit, BadRequest for a body that is broken
    off, badly chunked, or beyond the bounds of this module.
    """
    boundary = request.mimetype_params.get("boundary", "")
    is_boundary = boundary.isascii() and 0 < len(boundary) <= _MAX_BOUNDARY_LENGTH
    if request.mimetype != "multipart/form-data" or not is_boundary:
        return []
    reader = _Reader(boundary, opened, max_parts)
    try:
        for chunk in _chunks(request):
            if reader.feed(chunk):
                return reader.rewound_files()
    except ValueError:  # what the decoder says of a malformed part
        return []
    return []


class _Reader:
    """The decoder, and where its data goes."""

    def __init__(self, boundary: str, opened: ExitStack, max_parts: int) -> None:
        self._decoder = MultipartDecoder(boundary.encode("ascii"))
        self._opened = opened
        self._parts_left = max_parts
        self._files: list[FilePart] = []
        self._sink: IO[bytes] | None = None

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; True once the closing boundary has been seen."""
        self._decoder.receive_data(chunk)
        while not isinstance(event := self._decoder.next_event(), (NeedData, Epilogue)):
            self._take(event)
        if self._decoder.state in {State.PREAMBLE, State.PART}:
            _check_head(len(self._decoder.buffer))
        return self._decoder.state is State.EPILOGUE

    def rewound_files(self) -> list[FilePart]:
        for file in self._files:
            file.content.seek(0)
        return self._files

    def _take(self, event: Event) -> None:
        if isinstance(event, (File, Field)):
            self._begin(event)
        elif isinstance(event, Data) and self._sink is not None:
            self._sink.write(event.data)

    def _begin(self, part: File | Field) -> None:
        _check_head(sum(len(name) + len(value) for name, value in part.headers))
        self._parts_left -= 1
        if self._parts_left < 0:
            raise BadRequest("The body has too many parts.")
        self._sink = None
        # A field that is sent without a file name is no file.
        if isinstance(part, File) and part.filename:
            spool = SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - `opened` closes it
            self._sink = self._opened.enter_context(spool)
            self._files.append(FilePart(part.name or "", part.filename, self._sink))


def _check_head(size_bytes: int) -> None:
    if size_bytes > _MAX_PART_HEAD_BYTES:
        raise BadRequest("A part of the body has too long a header.")


def _chunks(request: Request) -> Iterator[bytes]:
    """Yield the body as it arrives."""
    received_bytes = 0
    try:
        while chunk := request.stream.read(_CHUNK_BYTES):
            received_bytes += len(chunk)
            yield chunk
    except ParseException:  # gunicorn's, which reads a chunked body while we do
        raise BadRequest("The body is badly chunked.") from None
    if received_bytes < (request.content_length or 0):
        raise BadRequest("The body is broken off.")
