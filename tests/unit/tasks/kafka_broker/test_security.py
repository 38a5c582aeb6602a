import logging
from pathlib import Path
from typing import Any

import pytest

from tasks.kafka_broker.redaction import hidden
from tasks.kafka_broker.security import SecurityOptionsError, checked

_SCRAM = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}


def test_options_that_fit_are_handed_on_with_their_secrets_hidden(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    options = {
        **_SCRAM,
        "sasl_plain_username": "ann",
        "sasl_plain_password": "pa55word",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "linger_ms": 5,
    }
    assert checked(options) == options
    assert "pa55word" not in repr(checked(options))


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"security_protocol": "TLS"}, "security_protocol is one of PLAINTEXT"),
        ({"security_protocol": "SASL_SSL"}, "sasl_mechanism is one of"),
        ({**_SCRAM, "sasl_mechanism": "SCRAM"}, "sasl_mechanism is one of"),
        (_SCRAM, "needs sasl_plain_username and sasl_plain_password"),
        ({**_SCRAM, "sasl_plain_username": "ann", "sasl_plain_password": ""}, "needs"),
        ({"sasl_mechanism": "PLAIN"}, "sasl_mechanism: security_protocol is PLAINTEXT"),
        ({"ssl_cafile": "ca.pem"}, "ssl_cafile: security_protocol is PLAINTEXT"),
        ({"security_protocol": "SSL", "ssl_ciphers": "ALL"}, "ignores ssl_ciphers"),
        ({"security_protocol": "SSL", "ssl_cafile": "/no/file"}, "no file /no/file"),
    ],
)
def test_options_that_kafka_python_would_ignore_or_trip_over_are_refused(
    options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(SecurityOptionsError, match=advice):
        checked(options)


def test_an_option_that_is_none_is_not_given() -> None:
    assert checked({"ssl_cafile": None}) == {"ssl_cafile": None}


def test_a_hidden_secret_is_dropped_from_the_wires_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = hidden("pä55word")
    caplog.set_level(logging.DEBUG, logger="kafka")
    log = logging.getLogger("kafka.net.connection")
    log.debug("auth_bytes=%r", secret.encode())
    log.debug("kept")
    # Clients that another test has left may have something to say, too.
    ours = [record.getMessage() for record in caplog.records if record.pathname == __file__]
    assert ours == ["kept"]
