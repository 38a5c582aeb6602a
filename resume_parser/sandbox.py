"""Parse one PDF in a child process that may crash, hang or eat memory without harm.

Called by the request handler of a gunicorn sync worker (one thread, so a fork is safe). The child
lives for one PDF: whatever the file does to PDFium ends with it, and the person is told that the
file is at fault instead of the job being tried again.
"""

import ctypes
import json
import multiprocessing
import os
import resource
import select
import signal
import sys
import time
import traceback
from typing import Any, NamedTuple

import structlog

from resume_parser.errors import (
    EmptyPdfError,
    EncryptedPdfError,
    NoTextError,
    PdfError,
    TooComplexPdfError,
)
from resume_parser.parse import read_cv
from resume_parser.pdf import read_pages
from resume_parser.schema import CvData

log = structlog.get_logger(__name__)

#: By the clock, which counts what the child waits for as well.
TIME_LIMIT_S = 10
CPU_LIMIT_S = 8
#: Address space, of which a worker has 60 MiB before it knows of any PDF.
MEMORY_LIMIT_BYTES = 512 * 1024**2
_MAX_OUTCOME_BYTES = 8 * 1024**2
_READ_BYTES = 64 * 1024
_EXIT_TIMEOUT_S = 1  # after its last word, or instead of it
_BUG = 70  # EX_SOFTWARE of sysexits.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ERRORS = {
    error.reason: error
    for error in (PdfError, EmptyPdfError, EncryptedPdfError, NoTextError, TooComplexPdfError)
}
_fork = multiprocessing.get_context("fork")


class Parsed(NamedTuple):
    """A resume and how many pages it was read from."""

    cv_data: CvData
    pages: int


class InterruptedParseError(Exception):
    """The child was killed from outside, or failed over a bug of ours: the file may be fine."""


def parse_in_child(data: bytes, time_limit_s: float = TIME_LIMIT_S) -> Parsed:
    """Return the resume within the time limit; raise `PdfError` or `InterruptedParseError`."""
    reader, writer = os.pipe()
    child = _fork.Process(target=_child_main, args=(writer, data), daemon=True)
    child.start()
    os.close(writer)
    try:
        outcome = _outcome(_read(reader, time.monotonic() + time_limit_s))
        if outcome is None:
            child.join(_EXIT_TIMEOUT_S)
            if child.exitcode in (-signal.SIGKILL, _BUG):
                raise InterruptedParseError
            raise TooComplexPdfError
    finally:
        os.close(reader)
        child.kill()
        child.join()
        child.close()
    if "reason" in outcome:
        raise _ERRORS[outcome["reason"]]
    return Parsed(outcome["cv_data"], outcome["pages"])


def _read(reader: int, deadline: float) -> bytes:
    """Return all that the child writes until it closes the pipe, which it may do or not."""
    written = bytearray()
    while len(written) <= _MAX_OUTCOME_BYTES:
        ready, _, _ = select.select([reader], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TooComplexPdfError
        piece = os.read(reader, _READ_BYTES)
        if not piece:
            return bytes(written)
        written += piece
    raise TooComplexPdfError


def _outcome(written: bytes) -> dict[str, Any] | None:
    """Return the child's last words; None when it died before it had said them."""
    try:
        outcome: dict[str, Any] = json.loads(written)
    except ValueError:
        return None
    return outcome


def _child_main(writer: int, data: bytes) -> None:
    _confine()
    outcome: dict[str, object]
    try:
        pages = read_pages(data)
        outcome = {"cv_data": read_cv(pages), "pages": len(pages)}
    except PdfError as error:
        outcome = {"reason": error.reason}
    except (MemoryError, RecursionError):
        outcome = {"reason": TooComplexPdfError.reason}
    except Exception as error:  # noqa: BLE001 - this process's outermost edge
        # Its text, or a traceback's, may quote the resume: the place will do.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.name}:{place.lineno}"
        log.error("parse.bug", error=type(error).__name__, where=where)  # noqa: TRY400
        sys.exit(_BUG)
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(json.dumps(outcome).encode())


def _confine() -> None:
    """Bound what this process may use, and tie its life to the worker's."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        # A stop of the service reaches the whole group; the worker finishes what it has begun.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # At the hard limit the kernel sends SIGKILL, which would look like a kill from outside.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
