"""Where settings come from: the customer's YAML file and the environment, for pydantic-settings.

With `settings.py` the only place of the service that reads `os.environ`.
"""

import os
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource, YamlConfigSettingsSource

#: The customer's environment variables and the keys they override.
ENVIRONMENT_NAMES = {
    "KAFKA_BROKERS": ("kafka", "brokers"),
    "KAFKA_URL": ("kafka", "url"),
    "KAFKA_TRUSTED_CERT": ("kafka", "trusted_cert"),
    "KAFKA_CLIENT_CERT": ("kafka", "client_cert"),
    "KAFKA_CLIENT_CERT_KEY": ("kafka", "client_cert_key"),
    "KAFKA_PREFIX": ("kafka", "prefix"),
    "KAFKA_USERNAME": ("kafka", "username"),
    "KAFKA_PASSWORD": ("kafka", "password"),
    "KAFKA_ENABLE_SASL": ("kafka", "enable_sasl"),
    "KAFKA_RESUME_PARSE_TOPIC": ("kafka", "resume_parse_topic"),
    "KAFKA_CONSUMER_GROUP": ("kafka", "consumer_group"),
    "DATABASE_SOURCE": ("database", "source"),
    "DATABASE_NAME": ("database", "name"),
    "RESUME_PARSER_URL": ("services", "resume_parser_url"),
    "JWT_SECRET": ("auth", "jwt_secret"),
    "JWT_IDENTITY_CLAIM": ("auth", "jwt_identity_claim"),
    "LIMITS_TIMEZONE": ("limits", "timezone"),
    "FAILED_FILE_RETENTION": ("jobs", "failed_file_retention"),
    "JOB_RETENTION": ("jobs", "retention"),
    "EVENT_RETENTION": ("jobs", "event_retention"),
    "APP_ENV": ("app", "env"),
    "LOG_LEVEL": ("app", "log_level"),
    "PORT": ("app", "port"),
    "PROMETHEUS_MULTIPROC_DIR": ("app", "metrics_dir"),
}

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class SettingsError(Exception):
    """The configuration can't be used; the message is one line that names the key."""


class FileSource(YamlConfigSettingsSource):
    """The YAML file, with `${NAME}` and `${NAME:-default}` taken from the environment."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            values = yaml.safe_load(file_path.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise SettingsError(f"can't read {file_path}: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise SettingsError(
                f"{file_path} is not YAML: {' '.join(str(error).split())}"
            ) from None
        if not isinstance(values, dict):
            raise SettingsError(f"{file_path} must hold sections such as kafka: and database:")
        expanded: dict[str, Any] = _expand(values)
        return expanded


class EnvironmentSource(PydanticBaseSettingsSource):
    """The customer's names, and SECTION__KEY for every key; an empty variable counts as unset."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what the environment gives of one section."""
        section = cast("type[BaseModel]", field.annotation)
        keys = {f"{field_name}__{key}".upper(): key for key in section.model_fields}
        # The customer's names last: they win.
        keys |= {name: key for name, (part, key) in ENVIRONMENT_NAMES.items() if part == field_name}
        given = {key: os.environ[name] for name, key in keys.items() if os.environ.get(name)}
        return given, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the environment gives, by section."""
        sections = self.settings_cls.model_fields.items()
        return {name: self.get_field_value(field, name)[0] for name, field in sections}


def _expand(value: Any) -> Any:
    """Expand variables in strings; drop what is empty then, since it means "not given"."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[2] or "", value)
    if isinstance(value, dict):
        expanded = {key: _expand(item) for key, item in value.items()}
        return {key: item for key, item in expanded.items() if item not in (None, "")}
    if isinstance(value, list):
        return [_expand(item) for item in value]
    return value
