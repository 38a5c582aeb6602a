"""The servers of `make run` and of all other tests: what the service needs of them is there."""

from pathlib import Path
from typing import Any

import pymongo
import pytest
from kafka import KafkaAdminClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from devstack import ports
from devstack.errors import DevstackError
from devstack.mongod import Mongod

JOURNALED = WriteConcern("majority", j=True)


def test_kafka_answers_and_has_one_broker(kafka_bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    try:
        assert len(admin.describe_cluster()["brokers"]) == 1
    finally:
        admin.close()


def test_mongod_has_transactions_and_change_streams(database: Database[dict[str, Any]]) -> None:
    database.create_collection("things")
    with (
        database.things.watch() as stream,
        database.client.start_session() as session,
        session.start_transaction(),
    ):
        database.things.insert_one({"name": "a"}, session=session)
    assert database.things.count_documents({}) == 1
    del stream


def test_a_database_of_one_test_is_empty(database: Database[dict[str, Any]]) -> None:
    assert database.list_collection_names() == []


def test_a_busy_port_is_told_with_its_holder_and_the_setting(mongo_uri: str) -> None:
    port = pymongo.uri_parser.parse_uri(mongo_uri)["nodelist"][0][1]
    with pytest.raises(DevstackError, match=rf"port {port} for MongoDB .*mongod.* MONGO_PORT="):
        ports.require_free(port, setting="MONGO_PORT", what="MongoDB")


def test_mongods_data_survives_a_kill_and_a_move_to_another_port(tmp_path: Path) -> None:
    first = Mongod(tmp_path, ports.free_port())
    second = Mongod(tmp_path, ports.free_port())
    try:
        first.start()
        with pymongo.MongoClient[dict[str, Any]](first.uri) as client:
            client.test.things.with_options(write_concern=JOURNALED).insert_one({"name": "a"})
        first.kill()
        second.start()
        with pymongo.MongoClient[dict[str, Any]](second.uri) as client:
            assert client.test.things.count_documents({}) == 1
    finally:
        first.kill()
        second.kill()
