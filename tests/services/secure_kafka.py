"""A Kafka with TLS, client certificates and SASL, for the tests of the broker's connection options.

One JVM beside the shared one, for the module that asks; its listeners are on the loopback.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import ports
from devstack.kafka import Kafka
from tests.services.certificates import Authority

USERNAME, PASSWORD = "ann", "open+sesame"
_LISTENERS = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "SASL_TLS": "SASL_SSL",
    "SASL_PLAIN": "SASL_PLAINTEXT",
}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecureKafka(Kafka):
    """Four listeners for `address_of`, as `_LISTENERS` names them.

    MUTUAL asks for the client's certificate, and its own names no host, as on Heroku.
    """

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory / "data", port)
        self._addresses = {name: f"{ports.LOOPBACK}:{ports.free_port()}" for name in _LISTENERS}
        self.authority = Authority(directory / "authority")
        self.stranger = Authority(directory / "stranger")
        self.client_certificate, self.client_key = self.authority.sign(
            "client", alternative_names="DNS:client"
        )
        self.more_listeners = [f"{name}://{self._addresses[name]}" for name in _LISTENERS]
        self.more_properties = self._security(
            self._key_store("server", "IP:127.0.0.1"), self._key_store("nameless", "DNS:no.host")
        )
        self.more_format_arguments = [
            argument
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in (
                "--add-scram",
                f'{mechanism}=[name="{USERNAME}",password="{PASSWORD}"]',
            )
        ]

    def address_of(self, listener: str) -> str:
        """host:port of a listener."""
        return self._addresses[listener]

    def _key_store(self, name: str, alternative_names: str) -> Path:
        certificate, key = self.authority.sign(name, alternative_names=alternative_names)
        store = certificate.with_suffix(".store.pem")
        store.write_text(key.read_text() + certificate.read_text())
        return store

    def _security(self, server: Path, nameless: Path) -> str:
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | _LISTENERS
        lines = [
            "listener.security.protocol.map="
            + ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={server}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.authority.certificate}",
            f"listener.name.mutual.ssl.keystore.location={nameless}",
            "listener.name.mutual.ssl.client.auth=required",
        ]
        for name in ("sasl_tls", "sasl_plain"):
            prefix = f"listener.name.{name}"
            lines += [
                f"{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f'{prefix}.plain.sasl.jaas.config={_PLAIN} user_{USERNAME}="{PASSWORD}";',
                f"{prefix}.scram-sha-256.sasl.jaas.config={_SCRAM}",
                f"{prefix}.scram-sha-512.sasl.jaas.config={_SCRAM}",
            ]
        return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A Kafka of this module's own."""
    directory = tmp_path_factory.mktemp("secure-kafka")
    server = SecureKafka(directory, ports.free_port())
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)
