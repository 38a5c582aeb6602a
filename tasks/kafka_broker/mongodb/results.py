"""Results of actors in MongoDB, for dramatiq's `Results` middleware and any broker.

Written by worker threads when a task ends, read by whoever holds its message. A document is
`{_id: message key, result: what the encoder made, expires_at}`.
"""

from typing import Any

import pymongo
from dramatiq.encoder import Encoder
from dramatiq.message import Message
from dramatiq.results.backend import DEFAULT_TIMEOUT, ResultBackend
from dramatiq.results.errors import ResultMissing, ResultTimeout
from dramatiq.results.result import wrap_result
from pymongo.database import Database
from pymongo.errors import PyMongoError

from .errors import ResultTooLargeError, is_outage, telling_outages
from .expiring import ExpiringCollection, in_ms
from .polling import poll

#: MongoDB's limit for a document, less room for the rest of it and of the command that carries it.
MAX_RESULT_BYTES = 16 * 1024**2 - 16 * 1024

#: While MongoDB is out of reach, a wait may outlast its timeout by this, so that a short timeout
#: still leaves the driver time for one answer.
_OUTAGE_GRACE_S = 1.0


class MongoResultBackend(ResultBackend):
    """Keeps results in one collection of `database`.

    `namespace`, `encoder` and `use_namespace_prefix_keys` are those of every dramatiq backend. A
    result ends `ttl` milliseconds after it was stored, by the server's clock. Its methods raise
    StoreUnreachableError when the driver has given up, after the client's
    `serverSelectionTimeoutMS`. That client is its maker's to close, and must not come from before a
    fork.
    """

    def __init__(
        self,
        database: Database[Any],
        *,
        collection: str = "dramatiq_results",
        namespace: str = "dramatiq-results",
        encoder: Encoder | None = None,
        use_namespace_prefix_keys: bool = False,
    ) -> None:
        super().__init__(
            namespace=namespace,
            encoder=encoder,
            use_namespace_prefix_keys=use_namespace_prefix_keys,
        )
        self._results = ExpiringCollection(database, collection)

    @telling_outages()
    def get_result(
        self, message: Message[Any], *, block: bool = False, timeout: int | None = None
    ) -> Any:
        """Return the result; `timeout` is in milliseconds, 10 seconds by default.

        Raise ResultFailure if the actor failed, ResultMissing if there is no result and `block` is
        False, ResultTimeout if none came in time or MongoDB was out of reach until then.
        """
        message_key = self.build_message_key(message)
        if block:
            timeout_ms = DEFAULT_TIMEOUT if timeout is None else timeout
            found = self._wait(message, message_key, timeout_s=timeout_ms / 1000)
        elif (live := self._results.find_live(message_key)) is not None:
            found = live
        else:
            raise ResultMissing(message)  # type: ignore[no-untyped-call]
        return self.unwrap_result(self.encoder.decode(found["result"]))  # type: ignore[no-untyped-call]

    def store_result(self, message: Message[Any], result: Any, ttl: int) -> None:
        """Store a result for `ttl` milliseconds.

        One that cannot be encoded, or is too large, is an error here, which dramatiq logs, and a
        ResultFailure for those who ask for it: they would wait in vain otherwise.
        """
        try:
            data = self._encode(wrap_result(result))  # type: ignore[no-untyped-call]
        except Exception as error:
            self.store_exception(message, error, ttl)
            raise
        self._write(self.build_message_key(message), data, ttl)

    @telling_outages()
    def forget(self, message: Message[Any]) -> None:
        """Drop the message's result before its time; no error if there is none."""
        self._results.for_writing().delete_one({"_id": self.build_message_key(message)})

    def _wait(self, message: Message[Any], message_key: str, *, timeout_s: float) -> dict[str, Any]:
        outage: PyMongoError | None = None

        def look() -> dict[str, Any] | None:
            nonlocal outage
            outage = None
            try:
                return self._results.find_live(message_key)
            except PyMongoError as error:
                if not is_outage(error):
                    raise
                outage = error
                return None

        with pymongo.timeout(timeout_s + _OUTAGE_GRACE_S):
            found = poll(look, timeout_s=timeout_s)
        if found is None:
            raise ResultTimeout(message) from outage  # type: ignore[no-untyped-call]
        return found

    def _store(self, message_key: str, result: Any, ttl: int) -> None:
        self._write(message_key, self._encode(result), ttl)

    def _encode(self, result: Any) -> bytes:
        data = self.encoder.encode(result)
        if len(data) > MAX_RESULT_BYTES:
            raise ResultTooLargeError(  # type: ignore[no-untyped-call]
                f"a result of {len(data)} bytes does not fit in a MongoDB document, which holds"
                f" {MAX_RESULT_BYTES}: store it elsewhere and return its key"
            )
        return data

    @telling_outages()
    def _write(self, message_key: str, data: bytes, ttl: int) -> None:
        stored = {"result": {"$literal": data}, "expires_at": in_ms(ttl)}
        self._results.for_writing().update_one(
            {"_id": message_key}, [{"$set": stored}], upsert=True
        )
