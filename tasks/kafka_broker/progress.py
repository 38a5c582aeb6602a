"""Write down in one commit which records above the committed offset are done as well.

Kafka stores one offset for a partition, and beside it a text of at most 4096 bytes by default
(`offset.metadata.max.bytes`). The text holds a bitmap of what follows the offset, so that whoever
reads on repeats only what was unfinished. Pure functions.
"""

import base64
from collections.abc import Iterable

#: Offsets above the committed one that the bitmap can name: 3,000 bytes, 3,753 as text.
MAX_BITS = 24_000

_VERSION = "v1:"


def encode_done(next_offset: int, done: Iterable[int]) -> str:
    """Name the offsets in `done` relative to `next_offset`; those too far above are left out.

    Empty when there are none.
    """
    bits = bytearray(MAX_BITS // 8)
    for offset in done:
        if 0 <= (bit := offset - next_offset) < MAX_BITS:
            bits[bit >> 3] |= 1 << (bit & 7)
    return _to_text(bits)


def encode_all_but(unfinished: Iterable[int], next_offset: int, end: int) -> str:
    """Name all offsets below `end` but those in `unfinished`, which must rise.

    The same text as `encode_done`, quicker when few are unfinished.
    """
    count = min(end - next_offset, MAX_BITS)
    if count <= 0:
        return ""
    bits = bytearray(b"\xff" * (count >> 3))
    if count & 7:
        bits.append((1 << (count & 7)) - 1)
    for offset in unfinished:
        if (bit := offset - next_offset) >= count:
            break
        bits[bit >> 3] &= ~(1 << (bit & 7))
    return _to_text(bits)


def decode_done(next_offset: int, metadata: str) -> frozenset[int]:
    """Return the offsets that `encode_done` named; none when another program wrote the text."""
    if not metadata.startswith(_VERSION):
        return frozenset()
    try:
        packed = base64.b85decode(metadata.removeprefix(_VERSION))
    except ValueError:
        return frozenset()
    return frozenset(
        next_offset + 8 * place + bit
        for place, byte in enumerate(packed)
        for bit in range(8)
        if byte >> bit & 1
    )


def _to_text(bits: bytearray) -> str:
    packed = bits.rstrip(b"\0")
    return _VERSION + base64.b85encode(packed).decode() if packed else ""
