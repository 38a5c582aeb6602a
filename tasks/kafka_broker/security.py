"""What kafka-python ought to refuse: security options that it ignores, or fails of much later.

Called once, when a broker is made, so that a wrong option is an error at the start instead of a
connection that is tried for half a minute, or one that is less safe than it was meant to be.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka.net.sasl import SASL_MECHANISMS

from .errors import KafkaBrokerError
from .redaction import hidden

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
_SECRETS = ("sasl_plain_password", "ssl_password")


class SecurityOptionsError(KafkaBrokerError):
    """The security options contradict each other; the message names the one to change."""


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client options with their secrets hidden; SecurityOptionsError if they are wrong.

    Reads no certificate, since kafka-python reads them anew for each connection and so follows
    their renewal.
    """
    given = {name: value for name, value in options.items() if value is not None}
    protocol = given.get("security_protocol", "PLAINTEXT")
    if protocol not in _PROTOCOLS:
        raise SecurityOptionsError(f"security_protocol is one of {', '.join(_PROTOCOLS)}")
    _check_sasl(given, protocol)
    _check_tls(given, protocol)
    return {**options, **{name: hidden(given[name]) for name in _SECRETS if name in given}}


def _check_sasl(given: Mapping[str, Any], protocol: str) -> None:
    if not protocol.startswith("SASL"):
        if unused := [name for name in given if name.startswith("sasl_")]:
            raise SecurityOptionsError(f"{', '.join(unused)}: security_protocol is {protocol}")
        return
    mechanism = given.get("sasl_mechanism")
    if mechanism not in SASL_MECHANISMS:
        raise SecurityOptionsError(f"sasl_mechanism is one of {', '.join(SASL_MECHANISMS)}")
    # 3.0.12 builds these errors for SCRAM without raising them.
    if mechanism in _PASSWORD_MECHANISMS and not (
        given.get("sasl_plain_username") and given.get("sasl_plain_password")
    ):
        raise SecurityOptionsError(f"{mechanism} needs sasl_plain_username and sasl_plain_password")


def _check_tls(given: Mapping[str, Any], protocol: str) -> None:
    if "ssl_ciphers" in given:
        raise SecurityOptionsError("kafka-python ignores ssl_ciphers; set them on an ssl_context")
    unused = [name for name in given if name.startswith("ssl_")]
    if unused and not protocol.endswith("SSL"):
        raise SecurityOptionsError(f"{', '.join(unused)}: security_protocol is {protocol}")
    for name in _FILES:
        if name in given and not Path(given[name]).is_file():
            raise SecurityOptionsError(f"{name}: there is no file {given[name]}")
