"""Read configs/config.yaml and the environment once, at start; refuse to start on a bad value.

The composition roots and `migrations.__main__` call it and hand plain values on; nothing else
imports this. Precedence: the customer's environment variables, then SECTION__KEY, then the file,
then the defaults.
"""

import os
import sys
from pathlib import Path

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from settings_sections import (
    AppSettings,
    AuthSettings,
    DatabaseSettings,
    JobsSettings,
    KafkaSettings,
    LimitsSettings,
    RealtimeSettings,
    ServicesSettings,
    StorageSettings,
)
from settings_sources import EnvironmentSource, FileSource, SettingsError

DEFAULT_CONFIG_PATH = Path(__file__).parent / "configs" / "config.yaml"

#: HS256 keys shorter than its hash weaken it (RFC 7518, 3.2); the seed's placeholder is public.
MIN_SECRET_BYTES = 32
_PLACEHOLDER_SECRETS = {"your-secret-key", "changeme", "secret"}


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
    def _patient_rescuer(self) -> "Settings":
        if self.jobs.rescue_after <= self.kafka.timeout:
            raise ValueError("jobs.rescue_after must be longer than kafka.timeout")
        return self

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
