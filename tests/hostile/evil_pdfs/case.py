"""One row of the table of evil PDFs."""

from collections.abc import Callable
from dataclasses import dataclass

#: Outcomes of the parser: a resume, or the `reason` of one of its errors.
PARSED = "parsed"
UNREADABLE = "unreadable"
ENCRYPTED = "encrypted"
EMPTY = "empty"
NO_TEXT = "no_text"
TOO_COMPLEX = "too_complex"


@dataclass(frozen=True)
class EvilPdf:
    """A file and which outcomes are honest; none named: whatever the damage leaves of it.

    `make` is given an address that the file may name and nobody may call. `reads` is the person's
    name, where it must be found.
    """

    name: str
    make: Callable[[str], bytes]
    outcomes: frozenset[str] = frozenset()
    reads: str = ""

    def __str__(self) -> str:
        return self.name


def case(name: str, data: bytes | Callable[[], bytes], *outcomes: str, reads: str = "") -> EvilPdf:
    """A file that calls nobody; give a function when it is large."""

    def make(_home: str) -> bytes:
        return data() if callable(data) else data

    return EvilPdf(name, make, frozenset(outcomes), reads)
