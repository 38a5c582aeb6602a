"""docs/task-dashboard.md is one program: its blocks run, and its dashboard answers."""

import re
from pathlib import Path

import pymongo

from devstack.process import ROOT
from tests.integration.kafka_broker.support import run_page

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_END = """
client = app.test_client()
assert client.get("/tasks/").status_code == 401
for page in ("/", "/queues", "/running", "/waiting", "/dead", "/periodic"):
    assert client.get("/tasks" + page, auth=("ann", "secret")).status_code == 200, page
pause = "/tasks/queues/default/lanes/normal/pause"
assert client.post(pause, auth=("ann", "secret")).status_code == 403
mine = {"Origin": "http://localhost:5000"}
assert client.post(pause, auth=("ann", "secret"), headers=mine).status_code == 200
broker.close()
database.client.close()
"""


def test_the_page_does_what_it_says(
    kafka_bootstrap: str, mongo_uri: str, database_name: str, topic_prefix: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "task-dashboard.md").read_text()
    workers, web = _BLOCK.findall(text)
    program = f"{workers}\nbroker.declare_queue('default')\n{web}{_END}"
    places = {
        "mongodb://localhost:27017": mongo_uri,
        '"my_app"': f'"{database_name}"',
        'bootstrap_servers="localhost:9092"': f'bootstrap_servers="{kafka_bootstrap}",'
        f' namespace="{topic_prefix}"',
    }
    done = run_page(program, places, tmp_path)
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.drop_database(database_name)
    assert done.returncode == 0, done.stderr
