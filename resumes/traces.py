"""An exception's way through the code, for operators. Pure.

Places in the source and names of exceptions only. What exceptions say is left out: their texts are
where passwords and personal data are.
"""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

_PROJECT = str(Path(__file__).parents[1])
_MAX_CHARS = 4_000
_MAX_LINE_CHARS = 250


def trace_of(error: BaseException) -> str:
    """Return the chain of causes, the innermost call of the first cause last.

    Of a long one the beginning is left out.
    """
    lines = [line[:_MAX_LINE_CHARS] for link in _chain(error) for line in _lines(link)]
    lines[1:] = [line if line[0] == " " else f"caused by {line}" for line in lines[1:]]
    text = "\n".join(lines)
    return text if len(text) <= _MAX_CHARS else text[-_MAX_CHARS:].partition("\n")[2]


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    yield module + kind.__qualname__
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        yield f"  {_file_name(code.co_filename)}:{line} in {code.co_qualname}"


def _file_name(path: str) -> str:
    """Return it as it is imported: where on the machine it lies is nobody's business."""
    file = Path(path)
    roots = [root for root in (_PROJECT, *sys.path) if root and file.is_relative_to(root)]
    return str(file.relative_to(max(roots, key=len))) if roots else file.name
