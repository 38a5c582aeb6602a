"""The service's settings in a scenario: short times, so that it waits for no one's patience.

Only those that the service has are passed on: an unknown one would stop its start.
"""

from collections.abc import Mapping

from settings import Settings

#: A worker's place in its group lasts 8 s; no setting changes that.
SETTINGS: Mapping[str, str] = {
    "kafka.timeout": "5s",
    "kafka.num_partitions": "4",
    "kafka.num_workers": "3",
    "services.parser_timeout": "3s",
    "services.parser_connect_timeout": "1s",
    "services.parser_breaker_pause": "3s",
    "jobs.lease": "6s",
    "jobs.shutdown_timeout": "8s",
    "jobs.retry_backoff_min": "500ms",
    "jobs.retry_backoff_max": "5s",
    "jobs.rescue_after": "10s",
    "jobs.rescue_interval": "1s",
}


def known_settings(wanted: Mapping[str, str] = SETTINGS) -> dict[str, str]:
    """Return those of `wanted` ("jobs.lease") that the service has, as environment variables."""
    return {
        name.replace(".", "__").upper(): value
        for name, value in wanted.items()
        if _is_setting(*name.split("."))
    }


def _is_setting(section: str, key: str) -> bool:
    field = Settings.model_fields.get(section)
    return key in getattr(field and field.annotation, "model_fields", {})
