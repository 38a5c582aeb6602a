"""What dramatiq documents of results holds for those in MongoDB."""

# mypy: allow-untyped-calls

from typing import Any

import dramatiq
import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.encoder import PickleEncoder
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.results import ResultFailure, ResultMissing, ResultTimeout
from pymongo.database import Database

from tasks.kafka_broker.mongodb import MongoResultBackend, ResultTooLargeError
from tasks.kafka_broker.mongodb.results import MAX_RESULT_BYTES

pytestmark = pytest.mark.usefixtures("stub_worker")

TTL_MS = 60_000


def message_of(actor_name: str = "go") -> Message[Any]:
    return Message(queue_name="default", actor_name=actor_name, args=(), kwargs={}, options={})


@pytest.mark.parametrize("value", [42, None, 0, "", [], {"a": [1, None]}, "\N{SNOWMAN}", "$value"])
def test_what_an_actor_returns_is_what_its_sender_gets(
    stub_broker: StubBroker, results: MongoResultBackend, value: object
) -> None:
    @dramatiq.actor(broker=stub_broker, store_results=True)
    def go() -> object:
        return value

    message = go.send()
    assert message.get_result(backend=results, block=True) == value
    assert results.get_result(message) == value


def test_a_failure_is_raised_where_the_result_is_asked_for(
    stub_broker: StubBroker, results: MongoResultBackend
) -> None:
    @dramatiq.actor(broker=stub_broker, store_results=True, max_retries=0)
    def go() -> None:
        raise RuntimeError("no luck")

    with pytest.raises(ResultFailure, match="actor raised RuntimeError: no luck") as raised:
        results.get_result(go.send(), block=True)
    assert raised.value.orig_exc_type == "RuntimeError"
    assert raised.value.orig_exc_msg == "no luck"


def test_a_skipped_message_has_the_result_none(
    stub_broker: StubBroker, results: MongoResultBackend
) -> None:
    class Skip(Middleware):
        def before_process_message(self, *_: object) -> None:
            raise SkipMessage

    stub_broker.add_middleware(Skip())

    @dramatiq.actor(broker=stub_broker, store_results=True)
    def go() -> int:
        return 1

    assert results.get_result(go.send(), block=True) is None


def test_a_result_that_is_not_there_is_missing_or_late(results: MongoResultBackend) -> None:
    with pytest.raises(ResultMissing):
        results.get_result(message_of())
    with pytest.raises(ResultTimeout):
        results.get_result(message_of(), block=True, timeout=1)


def test_a_pipeline_and_a_group_have_their_results(
    stub_broker: StubBroker, results: MongoResultBackend
) -> None:
    @dramatiq.actor(broker=stub_broker, store_results=True)
    def add(*terms: int) -> int:
        return sum(terms)

    steps = [add.message(1, 2), add.message(3), add.message(4)]
    pipeline = dramatiq.pipeline(steps, broker=stub_broker).run()
    assert pipeline.get_result(block=True) == 10
    assert list(pipeline.get_results(block=True)) == [3, 6, 10]
    group = dramatiq.group([add.message(1, n) for n in range(5)], broker=stub_broker).run()
    assert list(group.get_results(block=True)) == [1, 2, 3, 4, 5]
    assert group.completed
    assert stub_broker.get_results_backend() is results


def test_a_result_ends_with_its_time_though_mongodb_still_has_it(
    results: MongoResultBackend, database: Database[Any]
) -> None:
    message = message_of()
    results.store_result(message, 1, TTL_MS)
    assert results.get_result(message) == 1
    results.store_result(message, 1, 0)
    assert database["dramatiq_results"].find_one() is not None
    with pytest.raises(ResultMissing):
        results.get_result(message)


def test_an_ended_result_makes_room_for_a_new_one(results: MongoResultBackend) -> None:
    message = message_of()
    results.store_result(message, 1, 0)
    results.store_result(message, 2, TTL_MS)
    assert results.get_result(message) == 2


def test_mongodb_tidies_up_by_an_index_that_comes_with_the_first_write(
    results: MongoResultBackend, database: Database[Any]
) -> None:
    with pytest.raises(ResultMissing):
        results.get_result(message_of())
    assert database.list_collection_names() == []
    results.store_result(message_of(), 1, TTL_MS)
    index = database["dramatiq_results"].index_information()["expires_at_1"]
    assert index["expireAfterSeconds"] == 0


def test_a_result_may_be_forgotten(results: MongoResultBackend) -> None:
    message = message_of()
    results.store_result(message, 1, TTL_MS)
    results.forget(message)
    results.forget(message)
    with pytest.raises(ResultMissing):
        results.get_result(message)


def test_namespaces_and_actors_do_not_share_results(database: Database[Any]) -> None:
    ours, theirs = (MongoResultBackend(database, namespace=name) for name in ("ours", "theirs"))
    message = message_of()
    ours.store_result(message, 1, TTL_MS)
    with pytest.raises(ResultMissing):
        theirs.get_result(message)
    with pytest.raises(ResultMissing):
        ours.get_result(message.copy(actor_name="another"))


def test_keys_can_be_read_if_so_wished(database: Database[Any]) -> None:
    readable = MongoResultBackend(database, namespace="ours", use_namespace_prefix_keys=True)
    message = message_of()
    readable.store_result(message, 1, TTL_MS)
    stored = database["dramatiq_results"].find_one()
    assert stored is not None
    assert stored["_id"] == f"ours:default:go:{message.message_id}"


def test_the_encoder_is_the_users(database: Database[Any]) -> None:
    pickling = MongoResultBackend(database, encoder=PickleEncoder())
    message = message_of()
    pickling.store_result(message, {1, 2}, TTL_MS)
    assert pickling.get_result(message) == {1, 2}


def test_who_waits_for_a_result_that_cannot_be_encoded_hears_of_it(
    stub_broker: StubBroker, results: MongoResultBackend
) -> None:
    @dramatiq.actor(broker=stub_broker, store_results=True)
    def go() -> object:
        return object()

    with pytest.raises(ResultFailure, match="object is not JSON serializable"):
        results.get_result(go.send(), block=True)
    with pytest.raises(TypeError, match="not JSON serializable"):
        results.store_result(message_of(), object(), TTL_MS)


def test_who_waits_for_a_result_too_large_for_mongodb_hears_of_it(
    results: MongoResultBackend,
) -> None:
    message = message_of()
    with pytest.raises(ResultTooLargeError, match="store it elsewhere"):
        results.store_result(message, "x" * 17 * 1024**2, TTL_MS)
    with pytest.raises(ResultFailure, match="does not fit") as raised:
        results.get_result(message)
    assert raised.value.orig_exc_type == "ResultTooLargeError"


def test_the_largest_result_allowed_fits(database: Database[Any]) -> None:
    results = MongoResultBackend(database)
    message = message_of()
    largest = "x" * (MAX_RESULT_BYTES - 2)  # and its quotes
    results.store_result(message, largest, TTL_MS)
    assert results.get_result(message) == largest
