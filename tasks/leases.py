"""Keep the leases of running attempts alive: one thread, one bulk write for all of them.

A lease that is renewed says "this attempt lives"; one that runs out frees the job. Owned by the
worker process; `keep` is called by worker threads.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from resumes.errors import StoreUnavailableError
from resumes.job import Claim

log = structlog.get_logger(__name__)

#: Renewals per lease: two may fail before the lease runs out.
_RENEWALS_PER_LEASE = 3


class LeaseStore(Protocol):
    """Where leases are kept."""

    def renew(self, claims: Iterable[Claim]) -> None:
        """Extend the leases of running attempts; lost ones are left alone."""


class LeaseKeeper:
    """Start once per process, close at the end; the thread is a daemon and dies with it."""

    def __init__(self, store: LeaseStore, *, lease_s: float) -> None:
        self._store = store
        self._interval_s = lease_s / _RENEWALS_PER_LEASE
        self._claims: dict[tuple[str, int], Claim] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def close(self) -> None:
        """Stop renewing; leases still held run out by themselves."""
        self._closed.set()
        self._thread.join()

    @contextmanager
    def keep(self, claim: Claim) -> Iterator[None]:
        """Renew the claim's lease for as long as the context is open."""
        key = (claim.job_id, claim.attempt)
        with self._lock:
            self._claims[key] = claim
        try:
            yield
        finally:
            with self._lock:
                del self._claims[key]

    def _run(self) -> None:
        while not self._closed.wait(self._interval_s):
            with self._lock:
                claims = list(self._claims.values())
            if not claims:
                continue
            try:
                self._store.renew(claims)
            except StoreUnavailableError:
                # The next round tries again; a lease that runs out costs a repeat, nothing more.
                log.warning("lease.renewal_failed", claims=len(claims))
