"""Operators' passwords as argon2 hashes, computed beside the event loop.

argon2 works for some 50 ms without ever yielding. Under gevent that would hold up every socket and
request of the process, so it runs in a real thread there, where argon2-cffi lets go of the GIL. One
thread: the rest of the machine stays free for what else the process does, whoever tries to sign in.
"""

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.monkey import is_module_patched
from gevent.threadpool import ThreadPool

from resumes.accounts import MAX_PASSWORD_BYTES, password_bytes

T = TypeVar("T")

#: Above OWASP's minimum (19 MiB, 2 passes), and small beside a web process. More threads in argon2
#: would help attackers, whose machines have more cores.
_MEMORY_KIB = 32 * 1024
_PASSES = 2
_THREADS_AT_ONCE = 1


class Passwords:
    """One per process; make it after the fork."""

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, passes: int = _PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._pool = ThreadPool(_THREADS_AT_ONCE) if is_module_patched("threading") else None
        self._nobodys_hash = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """Return a hash to store."""
        return self._beside(self._hasher.hash, password_bytes(password))

    def is_right(self, password_hash: str | None, password: str) -> bool:
        """Tell whether it is the hash's password; None, for nobody's, takes as long."""
        given = password_bytes(password)
        if len(given) > MAX_PASSWORD_BYTES:
            return False
        matches = self._beside(self._matches, password_hash or self._nobodys_hash, given)
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether the hash was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, given: bytes) -> bool:
        # Here, since gevent prints what leaves a thread.
        try:
            return self._hasher.verify(password_hash, given)
        except (VerificationError, InvalidHashError):
            return False

    def _beside(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._pool is None:
            return work(*arguments)
        result: T = self._pool.apply(work, arguments)
        return result
