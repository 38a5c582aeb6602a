"""PDFs under each cipher of the standard, with a password to open them or to change them only.

AES is openssl's; everything is derived from fixed passwords and salts, so the files never change.
"""

import subprocess
from collections.abc import Callable
from functools import partial
from hashlib import md5, sha256

from tests.hostile.evil_pdfs.builder import one_page, show, stream
from tests.hostile.evil_pdfs.case import ENCRYPTED, PARSED, EvilPdf, case

_PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_ID = b"0123456789abcdef"
_OWNER = b"owner"
_PERMISSIONS = (-4).to_bytes(4, "little", signed=True)
_AES_128, _AES_256 = "-aes-128-cbc", "-aes-256-cbc"


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def _rc4_rounds(key: bytes, data: bytes, rounds: range) -> bytes:
    for number in rounds:
        data = _rc4(bytes(byte ^ number for byte in key), data)
    return data


def _aes(cipher: str, key: bytes, data: bytes, iv: bytes, *options: str) -> bytes:
    command = ["openssl", "enc", cipher, "-K", key.hex(), "-iv", iv.hex(), *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def _digest(data: bytes, rounds: int, length: int) -> bytes:
    for _ in range(rounds):
        data = md5(data).digest()[:length]
    return data


def _with_md5(user: bytes, revision: int, *, aes: bool = False) -> bytes:
    """RC4 with 40 or 128 bits, or AES with 128."""
    length = 5 if revision == 2 else 16
    rounds = 1 if revision == 2 else 51
    swaps = range(1 if revision == 2 else 20)
    padded = (user + _PAD)[:32]
    owner = _rc4_rounds(_digest((_OWNER + _PAD)[:32], rounds, length), padded, swaps)
    key = _digest(padded + owner + _PERMISSIONS + _ID, rounds, length)
    if revision == 2:
        proof = _rc4(key, _PAD)
    else:
        proof = _rc4_rounds(key, md5(_PAD + _ID).digest(), swaps) + bytes(16)
    of_contents = md5(key + b"\4\0\0\0\0" + (b"sAlT" if aes else b"")).digest()[: length + 5]
    if aes:
        contents = _ID + _aes(_AES_128, of_contents, show(), _ID)
        scheme = b"/V 4 /CF << /C << /CFM /AESV2 /Length 16 >> >> /StmF /C /StrF /C"
    else:
        contents = _rc4(of_contents, show())
        scheme = b"/V 1" if revision == 2 else b"/V 2"
    return _file(contents, b"%s /R %d /Length %d" % (scheme, revision, length * 8), owner, proof)


def _with_sha(user: bytes, revision: int = 5) -> bytes:
    """AES with 256 bits; for revision 6 the proofs are wrong, as for a password nobody knows."""
    key, salts, nothing = sha256(b"key").digest(), b"saltsaltSALTSALT", bytes(16)
    proof = sha256(user + salts[:8]).digest() + salts
    owner = sha256(_OWNER + salts[:8] + proof).digest() + salts
    kept = _aes(_AES_256, sha256(user + salts[8:]).digest(), key, nothing, "-nopad")
    kept_for_owner = _aes(
        _AES_256, sha256(_OWNER + salts[8:] + proof).digest(), key, nothing, "-nopad"
    )
    rights = _aes(_AES_256, key, _PERMISSIONS + b"\xff\xff\xff\xffTadbrand", nothing, "-nopad")
    contents = _ID + _aes(_AES_256, key, show(), _ID)
    scheme = b"/V 5 /CF << /C << /CFM /AESV3 /Length 32 >> >> /StmF /C /StrF /C /Length 256"
    more = b"/UE <%s> /OE <%s> /Perms <%s>" % tuple(
        value.hex().encode() for value in (kept, kept_for_owner, rights)
    )
    return _file(contents, b"%s /R %d %s" % (scheme, revision, more), owner, proof)


def _file(contents: bytes, scheme: bytes, owner: bytes, proof: bytes) -> bytes:
    entries = b"/Filter /Standard %s /O <%s> /U <%s> /P -4" % (
        scheme, owner.hex().encode(), proof.hex().encode(),
    )  # fmt: skip
    identity = _ID.hex().encode()
    return one_page(
        stream(contents),
        trailer=b"/Encrypt << %s >> /ID [<%s> <%s>]" % (entries, identity, identity),
    )


def _lying(old: bytes, new: bytes) -> bytes:
    return _with_md5(b"", 3).replace(old, new)


_CIPHERS: dict[str, Callable[[bytes], bytes]] = {
    "rc4 with 40 bits": partial(_with_md5, revision=2),
    "rc4 with 128 bits": partial(_with_md5, revision=3),
    "aes with 128 bits": partial(_with_md5, revision=4, aes=True),
    "aes with 256 bits": _with_sha,
}

_LIES = {
    "a handler nobody has": (b"/Filter /Standard", b"/Filter /Nonsense"),
    "a certificate": (b"/Filter /Standard", b"/Filter /Adobe.PubSec"),
    "a version from the future": (b"/V 2", b"/V 9"),
    "a revision from the future": (b"/R 3", b"/R 9"),
    "a key of 10^9 bits": (b"/Length 128", b"/Length 1000000000"),
    "a key of minus 8 bits": (b"/Length 128", b"/Length -8"),
    "no proof": (b"/U <", b"/U <> /X <"),
    "no identity": (b"/ID ", b"/XX "),
}

CASES: list[EvilPdf] = [
    *(
        case(f"{cipher}, to be opened by a password", partial(encrypt, b"secret"), ENCRYPTED)
        for cipher, encrypt in _CIPHERS.items()
    ),
    case("the latest aes, to be opened by a password", partial(_with_sha, b"x", 6), ENCRYPTED),
    *(
        case(f"{cipher}, open to all", partial(encrypt, b""), PARSED)
        for cipher, encrypt in _CIPHERS.items()
    ),
    *(case(f"encrypted with {name}", partial(_lying, *lie)) for name, lie in _LIES.items()),
]
