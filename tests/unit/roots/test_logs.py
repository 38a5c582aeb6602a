"""Where log lines go."""

import json
import logging
from collections.abc import Iterator

import click
import pytest
import structlog
from click.testing import CliRunner

from observability import configure_logging


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    handlers = logging.root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", "kafka", "pymongo", "urllib3")}
    yield
    logging.root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def log() -> None:
    configure_logging("INFO", process="web")
    logging.getLogger("kafka").warning("slow")


def test_a_service_logs_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    log()

    out, err = capsys.readouterr()
    assert (json.loads(out)["event"], err) == ("slow", "")


def test_a_command_logs_beside_its_output() -> None:
    @click.command()
    def command() -> None:
        log()
        click.echo("the output")

    result = CliRunner().invoke(command)

    assert result.stdout == "the output\n"
    assert json.loads(result.stderr)["event"] == "slow"
