"""Parse one PDF in a child process that may crash, hang or eat memory without harm.

Called by the request handler of a gunicorn sync worker (one thread, so a fork is safe). The child
lives for one PDF: whatever the file does to PDFium ends with it, and the person is told that the
file is at fault instead of the job being tried again.
"""

import ctypes
import json
import multiprocessing
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import NamedTuple

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

TIME_LIMIT_S = 15
MEMORY_LIMIT_BYTES = 1024**3
_MAX_OUTCOME_BYTES = 8 * 1024**2
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
    receiver, sender = _fork.Pipe(duplex=False)
    child = _fork.Process(target=_child_main, args=(sender, data), daemon=True)
    child.start()
    sender.close()
    try:
        if not receiver.poll(time_limit_s):
            raise TooComplexPdfError
        outcome = json.loads(receiver.recv_bytes(_MAX_OUTCOME_BYTES))
    except EOFError as error:
        child.join()
        if child.exitcode in (-signal.SIGKILL, _BUG):
            raise InterruptedParseError from error
        raise TooComplexPdfError from error
    finally:
        receiver.close()
        child.kill()
        child.join()
        child.close()
    if "reason" in outcome:
        raise _ERRORS[outcome["reason"]]
    return Parsed(outcome["cv_data"], outcome["pages"])


def _child_main(sender: Connection, data: bytes) -> None:
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
    sender.send_bytes(json.dumps(outcome).encode())


def _confine() -> None:
    """Bound what this process may use, and tie its life to the worker's."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        # A stop of the service reaches the whole group; the worker finishes what it has begun.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # At the hard limit the kernel sends SIGKILL, which would look like a kill from outside.
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT_S, TIME_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
