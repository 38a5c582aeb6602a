"""pymongo and cronsim are for those who use what needs them."""

import subprocess
import sys

import pytest

_IMPORT_WITHOUT = """
import importlib, sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
importlib.import_module({module!r})
"""


def import_without(missing: set[str], module: str) -> "subprocess.CompletedProcess[str]":
    code = _IMPORT_WITHOUT.format(missing=missing, module=module)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )


def test_the_broker_needs_neither() -> None:
    result = import_without({"pymongo", "bson", "cronsim"}, "tasks.kafka_broker")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("missing", "module", "sentence"),
    [
        ("pymongo", "mongodb", "needs pymongo: pip install 'pymongo"),
        ("pymongo", "periodic", "needs pymongo and cronsim: pip install"),
        ("cronsim", "periodic", "needs pymongo and cronsim: pip install"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(missing: str, module: str, sentence: str) -> None:
    result = import_without({missing}, f"tasks.kafka_broker.{module}")
    assert result.returncode == 1
    last_line = result.stderr.splitlines()[-1]
    assert last_line.startswith(f"ModuleNotFoundError: tasks.kafka_broker.{module} {sentence}")
