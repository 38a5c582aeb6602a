"""The sections of the configuration: each key with its type, default and rules; no I/O.

For `settings.py`, which puts them together; docs/settings.md says what each key means.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AnyHttpUrl,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from settings_types import CommaList, Duration, Section


class AppSettings(Section):
    """What concerns each process."""

    env: Literal["production", "development"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    port: int | None = Field(default=None, ge=1, le=65535)
    metrics_dir: Path | None = None
    trusted_proxies: int = Field(default=0, ge=0, le=10)


class KafkaSettings(Section):
    """Where Kafka is and how the work is spread over it."""

    brokers: CommaList = Field(default=["localhost:9092"], min_length=1)
    # Heroku's way to say where Kafka is; it takes the place of `brokers`, SASL and TLS.
    url: SecretStr = SecretStr("")
    trusted_cert: SecretStr = SecretStr("")
    client_cert: SecretStr = SecretStr("")
    client_cert_key: SecretStr = SecretStr("")
    prefix: str = Field(default="", pattern=r"^([a-zA-Z_][\w.-]{0,50})?$")
    username: str = ""
    password: SecretStr = SecretStr("")
    enable_sasl: bool = False
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    enable_tls: bool = False
    timeout: Duration = timedelta(seconds=30)
    resume_parse_topic: str = Field(
        default="resume-parse-jobs", pattern=r"^[a-zA-Z_][\w.-]{0,180}$", validate_default=True
    )
    consumer_group: str = Field(default="resume-parser-group", min_length=1, validate_default=True)
    num_partitions: int = Field(default=1, ge=1, le=1000)
    num_workers: int = Field(default=2, ge=1, le=256)
    replication_factor: int = Field(default=1, ge=1, le=15)

    @field_validator("brokers")
    @classmethod
    def _host_and_port(cls, brokers: list[str]) -> list[str]:
        for broker in brokers:
            if not re.fullmatch(r"[^:\s]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", broker):
                raise ValueError(f"{broker!r} is not host:port")
        return brokers

    @field_validator("resume_parse_topic", "consumer_group")
    @classmethod
    def _prefixed(cls, name: str, info: ValidationInfo) -> str:
        return f"{info.data.get('prefix', '')}{name}"

    def url_options(self) -> dict[str, Any]:
        """Return the broker's arguments that the url and its certificates stand for."""
        # Here, because migrations and a service that has no url need no Kafka client.
        from tasks.kafka_broker.connection import ConnectionUrlError, from_url  # noqa: PLC0415

        try:
            return from_url(
                self.url.get_secret_value(),
                trusted_cert=self.trusted_cert.get_secret_value(),
                client_cert=self.client_cert.get_secret_value(),
                client_cert_key=self.client_cert_key.get_secret_value(),
            )
        except ConnectionUrlError as error:
            raise ValueError(f"url: {error}") from None

    @model_validator(mode="after")
    def _credentials(self) -> "KafkaSettings":
        if self.url.get_secret_value():
            self.url_options()
            return self
        if self.enable_sasl and not (self.username and self.password.get_secret_value()):
            raise ValueError("enable_sasl needs username and password")
        return self


class DatabaseSettings(Section):
    """Where MongoDB is (a replica set: transactions and change streams need one)."""

    source: SecretStr = SecretStr("mongodb://localhost:27017")
    name: str = Field(default="jobly", pattern=r"^[\w-]{1,60}$")

    @field_validator("source")
    @classmethod
    def _scheme(cls, source: SecretStr) -> SecretStr:
        if not source.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("it must start with mongodb:// or mongodb+srv://")
        return source


class ServicesSettings(Section):
    """The parser service."""

    resume_parser_url: AnyHttpUrl = AnyHttpUrl("http://localhost:8200")
    parser_connect_timeout: Duration = timedelta(seconds=3)
    parser_timeout: Duration = timedelta(seconds=30)
    parser_breaker_failures: int = Field(default=5, ge=1, le=1000)
    parser_breaker_pause: Duration = timedelta(seconds=10)


class AuthSettings(Section):
    """How tokens are checked."""

    jwt_secret: SecretStr = SecretStr("")
    jwt_identity_claim: str = "sub"
    jwt_issuer: str | None = None
    jwt_audience: str | None = None


class LimitsSettings(Section):
    """What one user may do."""

    uploads_per_day: int = Field(default=20, ge=1)
    timezone: str = "UTC"
    sockets_per_user: int = Field(default=10, ge=1)
    sockets_per_process: int = Field(default=1800, ge=1)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is not a time zone") from error
        return name


class StorageSettings(Section):
    """Where the PDF's bytes wait for the worker."""

    kind: Literal["mongo", "inline"] = "mongo"


class JobsSettings(Section):
    """How a job is run."""

    max_attempts: int = Field(default=5, ge=1, le=100)
    lease: Duration = timedelta(seconds=10)
    shutdown_timeout: Duration = timedelta(seconds=25)
    retry_backoff_min: Duration = timedelta(seconds=1)
    retry_backoff_max: Duration = timedelta(hours=1)
    rescue_after: Duration = timedelta(seconds=45)
    rescue_interval: Duration = timedelta(seconds=5)
    failed_file_retention: Duration = timedelta(days=30)
    #: None: kept for good.
    retention: Duration | None = None
    event_retention: Duration | None = None


class RealtimeSettings(Section):
    """The WebSocket."""

    allowed_origins: CommaList = Field(default=[])
    catch_up: Duration = timedelta(hours=24)
