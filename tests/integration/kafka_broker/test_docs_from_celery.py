"""docs/from-celery.md is one program: each block runs, and prints what its comments say."""

import re
from pathlib import Path

import pymongo

from devstack.process import ROOT
from tests.integration.kafka_broker.support import run_page

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PRINTED = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)

#: The page's first block declares the broker; its worker is another process in life.
_WORKER = """
worker_of_the_page = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
worker_of_the_page.start()
"""
_END = """
broker.join("default", timeout=20_000)
assert tries == [0, 1, 2], tries
worker_of_the_page.stop()
broker.close()
database.client.close()
"""


def test_the_page_does_what_it_says(
    kafka_bootstrap: str, mongo_uri: str, database_name: str, topic_prefix: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "from-celery.md").read_text()
    first, *others = _BLOCK.findall(text)
    program = "".join([first, _WORKER, *others, _END])
    places = {
        "mongodb://localhost:27017": mongo_uri,
        '"my_app"': f'"{database_name}"',
        'bootstrap_servers="localhost:9092",': f'bootstrap_servers="{kafka_bootstrap}",'
        f' namespace="{topic_prefix}", num_partitions=2,',
    }
    done = run_page(program, places, tmp_path)
    assert done.returncode == 0, done.stderr
    expected = [line for block in _BLOCK.findall(text) for line in _PRINTED.findall(block)]
    printed = [line for line in done.stdout.splitlines() if not line.startswith("mail to")]
    assert printed == expected
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.drop_database(database_name)
