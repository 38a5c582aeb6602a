"""Read configs/config.yaml and the environment once, at start; refuse to start on a bad value.

`wsgi.py`, `worker.py` and `migrations.__main__` call it and hand plain values on; nothing else
imports this. Precedence: the customer's environment variables, then SECTION__KEY, then the file,
then the defaults.
"""

import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AnyHttpUrl,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from settings_sources import EnvironmentSource, FileSource, SettingsError
from settings_types import CommaList, Duration, Section

DEFAULT_CONFIG_PATH = Path(__file__).parent / "configs" / "config.yaml"

#: HS256 keys shorter than its hash weaken it (RFC 7518, 3.2); the seed's placeholder is public.
MIN_SECRET_BYTES = 32
_PLACEHOLDER_SECRETS = {"your-secret-key", "changeme", "secret"}


class AppSettings(Section):
    """What concerns each process."""

    env: Literal["production", "development"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    port: int | None = Field(default=None, ge=1, le=65535)
    metrics_dir: Path | None = None


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


class RealtimeSettings(Section):
    """The WebSocket."""

    allowed_origins: CommaList = Field(default=[])
    catch_up: Duration = timedelta(hours=24)


class Settings(BaseSettings):
    """Everything that can be configured; docs/settings.md says what each key means."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    app: AppSettings = AppSettings()
    kafka: KafkaSettings = KafkaSettings()
    database: DatabaseSettings = DatabaseSettings()
    services: ServicesSettings = ServicesSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitsSettings = LimitsSettings()
    storage: StorageSettings = StorageSettings()
    jobs: JobsSettings = JobsSettings()
    realtime: RealtimeSettings = RealtimeSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        path = Path(os.environ.get("CONFIG_FILE", DEFAULT_CONFIG_PATH))
        if not path.is_file():
            raise SettingsError(f"there is no configuration file {path}")
        return EnvironmentSource(settings_cls), FileSource(settings_cls, path)

    @model_validator(mode="after")
    def _strong_secret(self) -> "Settings":
        secret = self.auth.jwt_secret.get_secret_value()
        if not secret:
            raise ValueError("auth.jwt_secret (JWT_SECRET) is not set")
        if self.app.env == "development":
            return self
        if secret.lower() in _PLACEHOLDER_SECRETS:
            raise ValueError("auth.jwt_secret (JWT_SECRET) is a published placeholder")
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(
                f"auth.jwt_secret (JWT_SECRET) is shorter than {MIN_SECRET_BYTES} bytes"
            )
        return self


def load_settings() -> Settings:
    """Return the settings, or raise `SettingsError` with the first thing that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def load_settings_or_exit() -> Settings:
    """Return the settings; on a bad value print one line and exit with 2, as a start-up should."""
    try:
        return load_settings()
    except SettingsError as error:
        sys.stderr.write(f"configuration: {error}\n")
        raise SystemExit(2) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is not a known key"
    message = first["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
