"""The hub against a model of it: lists of who would have heard what."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from realtime.frames import Frame
from realtime.hub import Hub, TooManyConnectionsError

PER_USER = 3
PER_PROCESS = 5
FRAME = Frame("j", 1, "text")

users = st.sampled_from(["ann", "bo"])


@dataclass(eq=False)
class Recorder:
    """A connection that remembers what it was given."""

    is_slow: bool = False
    frames: list[Frame] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)

    def offer(self, frame: Frame) -> bool:
        self.frames.append(frame)
        return not self.is_slow

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


class HubMachine(RuleBasedStateMachine):
    """Any order of add, remove and publish."""

    connected = Bundle("connected")

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(max_connections=PER_PROCESS, max_connections_per_user=PER_USER)
        self.model: dict[str, list[Recorder]] = {"ann": [], "bo": []}
        self.expected: dict[Recorder, list[Frame]] = {}

    @rule(target=connected, user_id=users)
    def add(self, user_id: str) -> tuple[str, Recorder] | None:
        recorder = Recorder()
        if len(self.model[user_id]) == PER_USER:
            with pytest.raises(TooManyConnectionsError):
                self.hub.add(user_id, recorder)
            return None
        self.hub.add(user_id, recorder)
        self.model[user_id].append(recorder)
        self.expected[recorder] = []
        return user_id, recorder

    @rule(entry=consumes(connected))
    def remove(self, entry: tuple[str, Recorder] | None) -> None:
        if entry:
            user_id, recorder = entry
            self.hub.remove(user_id, recorder)
            self.model[user_id].remove(recorder)

    @rule(user_id=users, rev=st.integers(1, 9))
    def publish(self, user_id: str, rev: int) -> None:
        frame = Frame("j", rev, "text")
        assert self.hub.publish(user_id, frame) == len(self.model[user_id])
        for recorder in self.model[user_id]:
            self.expected[recorder].append(frame)

    @invariant()
    def everybody_heard_exactly_what_was_theirs(self) -> None:
        for recorder, frames in self.expected.items():
            assert recorder.frames == frames

    @invariant()
    def the_counts_agree(self) -> None:
        connected = [user_id for user_id, recorders in self.model.items() if recorders]
        count = sum(map(len, self.model.values()))
        assert sorted(self.hub.users()) == sorted(connected)
        assert [user for user in self.model if self.hub.has(user)] == connected
        assert self.hub.count() == count
        assert self.hub.is_full == (count >= PER_PROCESS)


TestHub = HubMachine.TestCase


@pytest.fixture
def hub() -> Hub:
    return Hub(max_connections=PER_PROCESS, max_connections_per_user=PER_USER)


def test_a_slow_connection_does_not_count_as_reached(hub: Hub) -> None:
    hub.add("ann", Recorder(is_slow=True))
    hub.add("ann", Recorder())
    assert hub.publish("ann", FRAME) == 1


def test_close_all_reaches_every_connection(hub: Hub) -> None:
    recorders = [Recorder(), Recorder()]
    hub.add("ann", recorders[0])
    hub.add("bo", recorders[1])
    hub.close_all(1012, "restart")
    assert [recorder.closed for recorder in recorders] == [[(1012, "restart")]] * 2


def test_who_comes_after_close_all_is_closed_as_well(hub: Hub) -> None:
    hub.close_all(1012, "restart")
    late = Recorder()
    hub.add("ann", late)
    assert late.closed == [(1012, "restart")]
    assert hub.is_full


def test_a_connection_may_leave_while_it_is_published_to(hub: Hub) -> None:
    """`publish` must not walk a list that changes under it."""

    class Leaver(Recorder):
        def offer(self, frame: Frame) -> bool:
            hub.remove("ann", self)
            return super().offer(frame)

    stayer = Recorder()
    hub.add("ann", Leaver())
    hub.add("ann", stayer)
    hub.publish("ann", FRAME)
    assert stayer.frames == [FRAME]
    assert hub.count() == 1
