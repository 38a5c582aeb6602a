"""Who signs in with name and password: is it he, and has it been tried too often?

Attempts are counted before they are made, by all web processes together:

- of an address, whatever the name;
- of an account, from all browsers in which its operator has never signed in;
- of a browser in which he has: by itself, and by nothing else. So strangers who guess at an
  account, or share the address, can keep its operator out of a new browser, not out of his own.

Whether there is an account of that name shows neither in the answer, nor in how long it takes, nor
in when it is refused.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import structlog

from resumes.accounts import Account
from webapp.metrics import SIGN_INS
from webapp.operators import AccountReader
from webapp.operators_passwords import Passwords

WINDOW = timedelta(minutes=15)
ADDRESS_LIMIT = 10
ACCOUNT_LIMIT = 50
BROWSER_LIMIT = 10
#: What one customer of a provider has of IPv6, at least.
_NETWORK_BITS = 64

log = structlog.get_logger(__name__)


class Audit(Protocol):
    """Where it is written down who did what."""

    def note(
        self, operator: str, action: str, target: str, reason: str = "", **details: Any
    ) -> None:
        """Add an entry."""


class SignInAccounts(AccountReader, Protocol):
    """What signing in asks of the accounts' store."""

    def rehash(self, name: str, old_hash: str, new_hash: str) -> None:
        """Store the same password's new hash, unless the password has changed meanwhile."""


class Attempts(Protocol):
    """Where attempts are counted."""

    def count(self, key: str, *, limit: int, window_s: float) -> float:
        """Count an attempt before it is made; return for how long it has to wait, or 0."""

    def forgive(self, key: str) -> None:
        """Take back one attempt, which succeeded."""


class WrongCredentialsError(Exception):
    """Name and password are not of an account that may sign in."""


class TooManyAttemptsError(Exception):
    """This one was not made; try again in `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many attempts")
        self.wait_s = wait_s


@dataclass(frozen=True)
class Attempt:
    """Somebody at the form; `name` is "" when it can't be one."""

    name: str
    password: str = field(repr=False)
    address: str
    #: The id of a browser in which this operator has signed in, "" for another.
    browser: str

    def counters(self) -> Sequence[tuple[str, int]]:
        """Return under what it is counted, and up to what."""
        if self.browser:
            return [(f"browser {self.browser}", BROWSER_LIMIT)]
        # The address first: when it is refused, it does nothing to the account.
        of_address = (f"address {_network(self.address)}", ADDRESS_LIMIT)
        return [of_address, (f"account {self.name}", ACCOUNT_LIMIT)]


class SignIn:
    """One per process."""

    def __init__(
        self, accounts: SignInAccounts, passwords: Passwords, attempts: Attempts, audit: Audit
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._attempts = attempts
        self._audit = audit

    def __call__(self, attempt: Attempt) -> Account:
        """Return the account, or raise TooManyAttemptsError or WrongCredentialsError."""
        self._count(attempt)
        account = self._accounts.find(attempt.name)
        stored_hash = account.password_hash if account else None
        is_right = self._passwords.is_right(stored_hash, attempt.password)
        if account is None or not is_right or account.is_disabled:
            # Never a name that is nobody's: people type their password there. One entry in each
            # case, as it takes its time too.
            target = account.name if account else "no account"
            self._audit.note("", "sign_in_refused", target, address=attempt.address)
            # One outcome for names and passwords: metrics may be seen by those who guess.
            SIGN_INS.labels("wrong_password").inc()
            raise WrongCredentialsError
        for key, _ in attempt.counters():
            self._attempts.forgive(key)
        if self._passwords.is_outdated(account.password_hash):
            new_hash = self._passwords.hash(attempt.password)
            self._accounts.rehash(account.name, account.password_hash, new_hash)
        self._audit.note(account.name, "signed_in", account.name, address=attempt.address)
        SIGN_INS.labels("success").inc()
        return account

    def _count(self, attempt: Attempt) -> None:
        for key, limit in attempt.counters():
            wait_s = self._attempts.count(key, limit=limit, window_s=WINDOW.total_seconds())
            if wait_s:
                log.warning("operator.sign_in_slowed", by=key.split()[0])
                SIGN_INS.labels("locked").inc()
                raise TooManyAttemptsError(wait_s)


def _network(address: str) -> str:
    """Return what one client has: an IPv4 address, a network of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _NETWORK_BITS), strict=False))
