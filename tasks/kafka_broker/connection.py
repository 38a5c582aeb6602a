"""Where Kafka is and how it lets us in: urls and environments become `KafkaBroker`'s arguments.

Pure, but for the text of a client's certificate, which passes through a private file that is gone
when the call returns. What is wrong is said before anything connects, and never with a secret.
"""

import ssl
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .errors import KafkaBrokerError
from .redaction import Secret

_PROTOCOLS = {
    "kafka": "PLAINTEXT",
    "kafka+ssl": "SSL",
    "kafka+sasl_plaintext": "SASL_PLAINTEXT",
    "kafka+sasl_ssl": "SASL_SSL",
}
_DEFAULT_PORT = 9092


class ConnectionUrlError(KafkaBrokerError):
    """An address or a certificate can't be used; the message says what to change, without it."""


def from_environment(environ: Mapping[str, str], *, group_id: str = "dramatiq") -> dict[str, Any]:
    """Turn Heroku's variables into arguments: `KafkaBroker(**from_environment(environ))`.

    `KAFKA_URL` is required. The texts `KAFKA_TRUSTED_CERT`, `KAFKA_CLIENT_CERT` and
    `KAFKA_CLIENT_CERT_KEY` are PEM. `KAFKA_PREFIX` begins every topic and group, as a shared
    cluster wants it. Raise ConnectionUrlError (devcenter.heroku.com/articles/kafka-on-heroku).
    """
    prefix = environ.get("KAFKA_PREFIX", "")
    arguments = from_url(
        environ.get("KAFKA_URL", ""),
        trusted_cert=environ.get("KAFKA_TRUSTED_CERT", ""),
        client_cert=environ.get("KAFKA_CLIENT_CERT", ""),
        client_cert_key=environ.get("KAFKA_CLIENT_CERT_KEY", ""),
    )
    # Heroku's prefix ends with the dot that the broker puts after a namespace.
    return {**arguments, "namespace": prefix.rstrip("."), "group_id": f"{prefix}{group_id}"}


def from_url(
    url: str, *, trusted_cert: str = "", client_cert: str = "", client_cert_key: str = ""
) -> dict[str, Any]:
    """Turn `kafka+sasl_ssl://user:password@host:9093,host2:9093?mechanism=...` into arguments.

    Schemes: kafka, kafka+ssl, kafka+sasl_plaintext, kafka+sasl_ssl. The mechanism is PLAIN by
    default; a sign such as `,` or `@` in a password is written as `%2C` or `%40`. The certificates
    are PEM texts. Raise ConnectionUrlError.
    """
    protocol = _protocol(url)
    parts = [_split(part) for part in url.split(",")]
    if any(part.username or part.password for part in parts[1:]):
        raise ConnectionUrlError("user and password belong to the first address")
    return {
        "bootstrap_servers": [_address(part) for part in parts],
        "security_protocol": protocol,
        **_credentials(parts[0], protocol, dict(parse_qsl(parts[-1].query))),
        **_certificates(protocol, trusted_cert, client_cert, client_cert_key),
    }


def _protocol(url: str) -> str:
    schemes = {part.partition("://")[0].strip() for part in url.split(",") if "://" in part}
    if len(schemes) != 1 or not schemes <= _PROTOCOLS.keys():
        raise ConnectionUrlError(f"a Kafka url begins with one of {', '.join(_PROTOCOLS)}, and ://")
    return _PROTOCOLS[schemes.pop()]


def _split(part: str) -> SplitResult:
    # urllib knows no scheme with an underscore.
    rest = part.strip().rpartition("://")[2]
    try:
        split = urlsplit(f"//{rest}")
        split.port  # noqa: B018 - raises when it is no number
    except ValueError:
        # Its message may quote a password with a sign that ends the address.
        raise ConnectionUrlError(
            "a Kafka url is not scheme://user:password@host:port: is a sign not written as %..?"
        ) from None
    if not split.hostname or split.path.strip("/"):
        raise ConnectionUrlError("a Kafka url names a host and port, and no path")
    return split


def _address(part: SplitResult) -> str:
    host = f"[{part.hostname}]" if ":" in (part.hostname or "") else part.hostname
    return f"{host}:{part.port or _DEFAULT_PORT}"


def _credentials(part: SplitResult, protocol: str, query: dict[str, str]) -> dict[str, Any]:
    mechanism = query.pop("mechanism", None)
    if query:
        raise ConnectionUrlError(f"a Kafka url has no parameter {', '.join(sorted(query))}")
    if not protocol.startswith("SASL"):
        if part.username or part.password or mechanism:
            raise ConnectionUrlError("user, password and mechanism need kafka+sasl_ssl://")
        return {}
    return {
        "sasl_mechanism": mechanism or "PLAIN",
        "sasl_plain_username": unquote(part.username or ""),
        "sasl_plain_password": Secret(unquote(part.password or "")),
    }


def _certificates(protocol: str, trusted: str, client: str, key: str) -> dict[str, Any]:
    if not (trusted or client or key):
        return {}
    if not protocol.endswith("SSL"):
        raise ConnectionUrlError("certificates need kafka+ssl:// or kafka+sasl_ssl://")
    if bool(client) != bool(key):
        raise ConnectionUrlError("a client's certificate and its key come together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        _trust(context, trusted)
        if client:
            _identify(context, client, key)
    except (ssl.SSLError, ValueError):
        raise ConnectionUrlError(
            "a certificate or key is not PEM, or they don't belong together"
        ) from None
    return {"ssl_context": context}


def _trust(context: ssl.SSLContext, trusted: str) -> None:
    if not trusted:
        context.load_default_certs()
        return
    # The cluster's own authority signs for its brokers alone, and not for the names they go by: on
    # Heroku these are addresses. One certificate, or two while they are rotated.
    context.check_hostname = False
    context.load_verify_locations(cadata=trusted)


def _identify(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # ssl takes a key from a file only; this one is 0600 and goes with the block.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        context.load_cert_chain(file.name)
