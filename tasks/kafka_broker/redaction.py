"""Passwords that do not show in what is printed or logged.

kafka-python logs an admin client's options, and at DEBUG each request: SASL PLAIN sends the
password as it is.
"""

import logging

_WIRE_LOGGERS = ("kafka.net.connection", "kafka.protocol.parser")


class Secret(str):
    """A text that does not show when something that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class _NoSecrets(logging.Filter):
    """Drops a log record that holds a secret, as it is or as bytes are printed."""

    def __init__(self) -> None:
        super().__init__()
        self._forms: set[str] = set()

    def add(self, secret: str) -> None:
        self._forms |= {str(secret), repr(secret.encode())[2:-1]}

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not any(form in text for form in self._forms)


# One for all brokers of the process, as the loggers are.
_no_secrets = _NoSecrets()


def hidden(secret: str) -> Secret:
    """Return the secret as one that does not show, and keep it out of kafka-python's logs."""
    _no_secrets.add(secret)
    for name in _WIRE_LOGGERS:
        logging.getLogger(name).addFilter(_no_secrets)
    return Secret(secret)
