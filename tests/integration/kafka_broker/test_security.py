"""TLS, client certificates and SASL: a task goes through, and a refusal says why, and no secret."""

import logging
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ConnectionFailed

from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.connection import from_environment, from_url
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker
from tests.services.secure_kafka import PASSWORD, USERNAME, SecureKafka

_WRONG = "swordfish-of-nobody"


def _tls(kafka: SecureKafka) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.address_of("TLS"),
        "security_protocol": "SSL",
        "ssl_cafile": str(kafka.authority.certificate),
    }


def _mutual(kafka: SecureKafka) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.address_of("MUTUAL"),
        "security_protocol": "SSL",
        "ssl_check_hostname": False,
        "ssl_cafile": str(kafka.authority.certificate),
        "ssl_certfile": str(kafka.client_certificate),
        "ssl_keyfile": str(kafka.client_key),
    }


def _sasl(kafka: SecureKafka, mechanism: str, *, password: str = PASSWORD) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.address_of("SASL_TLS"),
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(kafka.authority.certificate),
        "sasl_mechanism": mechanism,
        "sasl_plain_username": USERNAME,
        "sasl_plain_password": password,
    }


def _heroku(kafka: SecureKafka) -> dict[str, str]:
    address = kafka.address_of("MUTUAL")
    return {
        "KAFKA_URL": f"kafka+ssl://{address},kafka+ssl://{address}",
        "KAFKA_TRUSTED_CERT": kafka.stranger.certificate.read_text()
        + kafka.authority.certificate.read_text(),
        "KAFKA_CLIENT_CERT": kafka.client_certificate.read_text(),
        "KAFKA_CLIENT_CERT_KEY": kafka.client_key.read_text(),
        "KAFKA_PREFIX": "wabash-58799.",
    }


def _run_a_task(broker: KafkaBroker, start_worker: StartWorker) -> None:
    """Use all three clients: the topic's maker, the producer and the consumer."""
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    go.send(1)
    start_worker(broker)
    eventually(lambda: seen == [1], within_s=30)


def test_a_task_goes_through_tls(
    secure_kafka: SecureKafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    _run_a_task(make_broker(**_tls(secure_kafka)), start_worker)


def test_a_task_goes_through_tls_with_a_clients_certificate(
    secure_kafka: SecureKafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    _run_a_task(make_broker(**_mutual(secure_kafka)), start_worker)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_task_goes_through_sasl(
    mechanism: str, secure_kafka: SecureKafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    _run_a_task(make_broker(**_sasl(secure_kafka, mechanism)), start_worker)


def test_a_url_holds_user_password_and_mechanism(
    secure_kafka: SecureKafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    password = PASSWORD.replace("+", "%2B")
    address = secure_kafka.address_of("SASL_PLAIN")
    url = f"kafka+sasl_plaintext://{USERNAME}:{password}@{address}?mechanism=SCRAM-SHA-512"
    _run_a_task(make_broker(**from_url(url)), start_worker)


def test_herokus_variables_are_enough(
    secure_kafka: SecureKafka, start_worker: StartWorker, make_broker: MakeBroker
) -> None:
    """Its certificates name no host, there may be two authorities, and the key is a text."""
    broker = make_broker(**from_environment(_heroku(secure_kafka)))
    _run_a_task(broker, start_worker)
    queue = broker.queues["default"]
    assert queue.topic == "wabash-58799.default"
    assert queue.group_id.startswith("wabash-58799.dramatiq")


def test_tls_works_under_gevent(secure_kafka: SecureKafka, topic_prefix: str) -> None:
    """The web process: gevent replaces ssl's sockets before the application is imported."""
    environ = {**_heroku(secure_kafka), "KAFKA_PREFIX": topic_prefix}
    script = f"""
from gevent import monkey; monkey.patch_all()
import dramatiq
from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.connection import from_environment
broker = KafkaBroker(**from_environment({environ!r}))
@dramatiq.actor(broker=broker)
def go(): ...
go.send()
broker.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def _refusal(make_broker: MakeBroker, options: Mapping[str, Any]) -> str:
    broker = make_broker(**options, publish_timeout_s=5.0)

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    with pytest.raises(ConnectionFailed) as caught:
        go.send()
    return str(caught.value)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_one_clear_error_without_the_password(
    mechanism: str,
    secure_kafka: SecureKafka,
    make_broker: MakeBroker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """kafka-python drops Kafka's answer when the connection's end comes in the same read."""
    caplog.set_level(logging.DEBUG)
    message = _refusal(make_broker, _sasl(secure_kafka, mechanism, password=_WRONG))
    assert "SaslAuthenticationFailedError" in message
    assert secure_kafka.address_of("SASL_TLS") in message
    assert _WRONG not in message + caplog.text


def test_the_right_password_is_in_no_log_either(
    secure_kafka: SecureKafka, make_broker: MakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """kafka-python logs an admin client's options, and requests with what they hold."""
    caplog.set_level(logging.DEBUG, logger="kafka")
    broker = make_broker(**_sasl(secure_kafka, "PLAIN"))
    broker.declare_queue("default")
    broker.ensure_topics()
    assert "KafkaAdminClient" in caplog.text
    assert PASSWORD not in caplog.text


def test_an_untrusted_certificate_is_one_clear_error(
    secure_kafka: SecureKafka, make_broker: MakeBroker
) -> None:
    stranger = str(secure_kafka.stranger.certificate)
    message = _refusal(make_broker, {**_tls(secure_kafka), "ssl_cafile": stranger})
    assert "certificate verify failed" in message


def test_a_certificate_of_another_host_is_refused(
    secure_kafka: SecureKafka, make_broker: MakeBroker
) -> None:
    message = _refusal(make_broker, {**_mutual(secure_kafka), "ssl_check_hostname": True})
    assert "certificate is not valid for" in message


def test_a_missing_certificate_of_ours_is_one_clear_error(
    secure_kafka: SecureKafka, make_broker: MakeBroker
) -> None:
    options = {**_mutual(secure_kafka), "ssl_certfile": None, "ssl_keyfile": None}
    assert "certificate" in _refusal(make_broker, options)


def test_a_server_that_does_not_answer_tls_is_given_up_in_time(
    secure_kafka: SecureKafka, make_broker: MakeBroker
) -> None:
    """kafka-python waits for the end of a handshake for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = "{}:{}".format(*silent.getsockname())
        message = _refusal(make_broker, {**_tls(secure_kafka), "bootstrap_servers": address})
    assert "TLS handshake failed" in message
