"""dramatiq's signals to middleware, with what a broker on Kafka needs to change about them.

dramatiq calls every middleware for every signal, ten calls of nothing for each message; here only
those are called that have something to say. The broker's own middleware comes before the user's and
is not in `Broker.middleware`.
"""

import threading
from collections.abc import Callable
from typing import Any

from dramatiq import Broker, MessageProxy
from dramatiq.middleware import (
    Interrupt,
    Middleware,
    MiddlewareError,
    ShutdownNotifications,
    TimeLimit,
)

from .message import KafkaMessage

Hook = Callable[..., None]

#: Not given for a message that was put back: neither did it run here nor is it done.
_ENDS = frozenset({"ack", "skip_message"})
_TASK_ENDS = frozenset({"process_message", "skip_message"})


class SignallingBroker(Broker):
    """The part of a broker that calls middleware: `own` first, then the user's.

    `middleware` None stands for dramatiq's defaults.
    """

    def __init__(self, middleware: list[Middleware] | None, *, own: list[Middleware]) -> None:
        self._own = own
        self._hooks: dict[str, list[Hook]] = {}
        self._hooked: list[Middleware] = []
        self._ending = threading.local()
        super().__init__(middleware)
        self.actor_options = self.actor_options.union(*(one.actor_options for one in own))

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware in order; only MiddlewareError gets out."""
        if signal in _ENDS and _is_put_back(args[0]):
            return
        for hook in self._hooks_of("before_" + signal):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:  # noqa: BLE001 - dramatiq's contract: middleware breaks nothing
                self._log_failure("before_" + signal, hook)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware in reverse order; nothing gets out."""
        if signal in _ENDS and _is_put_back(args[0]):
            return
        hooks = self._hooks_of("after_" + signal)
        if signal in _TASK_ENDS:
            self._end(signal, args[0], hooks, args, kwargs)
        else:
            for hook in hooks:
                self._call("after_" + signal, hook, args, kwargs)

    def _end(
        self,
        signal: str,
        message: MessageProxy,
        hooks: list[Hook],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        # While a task is being ended, what its middleware enqueues belongs to its end.
        self._ending.message = message
        try:
            for hook in hooks:
                try:
                    self._call("after_" + signal, hook, args, kwargs)
                except Interrupt as late:
                    self.logger.warning("%r came when %s was over.", late, message)
                    if isinstance(message, KafkaMessage) and not _is_disarming(_owner(hook)):
                        # It may have been about to send the retry, or the next of a pipeline.
                        message.put_back()
        finally:
            self._ending.message = None
        if isinstance(message, KafkaMessage):
            message.end()

    def _call(self, name: str, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            hook(self, *args, **kwargs)
        except Exception:  # noqa: BLE001 - the same
            self._log_failure(name, hook)

    @property
    def message_being_ended(self) -> KafkaMessage | None:
        """The message whose task this thread is ending, if any."""
        message = getattr(self._ending, "message", None)
        return message if isinstance(message, KafkaMessage) else None

    def _hooks_of(self, name: str) -> list[Hook]:
        if self._hooked != self.middleware:
            self._hooked = list(self.middleware)
            self._hooks = {}
        known = self._hooks  # another thread may see other middleware and begin anew meanwhile
        hooks = known.get(name)
        if hooks is None:
            everybody = [*self._own, *self.middleware]
            speakers = [m for m in everybody if _says_something(m, name)]
            if name.startswith("after_"):
                speakers.reverse()
                # First those that stop an exception from being thrown into the others.
                speakers.sort(key=lambda one: not _is_disarming(one))
            hooks = known[name] = [getattr(middleware, name) for middleware in speakers]
        return hooks

    def _log_failure(self, name: str, hook: Hook) -> None:
        # Called where it is being handled.
        self.logger.critical("Unexpected failure in %s of %r.", name, _owner(hook), exc_info=True)  # noqa: LOG014


def _says_something(middleware: Middleware, name: str) -> bool:
    nothing = getattr(Middleware, name, None)
    return nothing is None or getattr(getattr(middleware, name), "__func__", None) is not nothing


def _is_disarming(owner: object) -> bool:
    return isinstance(owner, TimeLimit | ShutdownNotifications)


def _is_put_back(message: object) -> bool:
    return isinstance(message, KafkaMessage) and message.is_put_back


def _owner(hook: Hook) -> object:
    return getattr(hook, "__self__", hook)
