"""Topics of which a process hands out nothing for now: lanes that an operator has paused.

Set by whoever knows the operator's wish, read by the consumers' inboxes at each turn. What was read
of a held topic waits here and what was not read on Kafka; what runs may finish. Safe between
threads: the set is replaced as a whole.
"""

from collections.abc import Collection


class HeldTopics:
    """One per broker, shared by its consumers."""

    def __init__(self) -> None:
        self._topics: frozenset[str] = frozenset()

    def __contains__(self, topic: object) -> bool:
        return topic in self._topics

    def replace(self, topics: Collection[str]) -> None:
        """Hold these topics and no others."""
        self._topics = frozenset(topics)
