"""Logs and metrics, alike in every process: JSON lines, one Prometheus exposition.

Used by the composition roots alone; libraries get loggers by `structlog.get_logger`.
"""

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import click
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_ROOT = Path(__file__).parent
_MAX_FRAMES = 12


def configure_logging(level: str, *, process: str) -> None:
    """Send structlog's and every library's lines to stdout as JSON, in one form.

    A `flask` command's own output is on stdout: its logs go to stderr.
    """
    is_command = click.get_current_context(silent=True) is not None
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_place_of_error,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr if is_command else sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _, __, event: {**event, "process": process},
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their INFO is one line per network event.
    for chatty in ("kafka", "pymongo", "urllib3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def exposition(metrics_dir: Path | None) -> Callable[[], tuple[bytes, str]]:
    """Return what renders the metrics: of all processes sharing the directory, or of this one."""

    def render() -> tuple[bytes, str]:
        if metrics_dir is None:
            return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(metrics_dir))  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST

    return render


def _name_place_of_error(
    _: object, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places it passed.

    Its text may quote what a user sent, a URL with a password, or a whole document.
    """
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["where"] = [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames]
    event.pop("exception", None)
    return event


def _short(path: str) -> str:
    return path.removeprefix(f"{_ROOT}/").rsplit("site-packages/", 1)[-1]
