"""The orders in which the waiting records of a partition go."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.codec import IncomingRecord
from tasks.kafka_broker.lines import DueOrder, KeyOrder, Line, LogOrder
from tests.unit.tasks.kafka_broker.records import make_record


def _records(*keys: bytes | None) -> list[IncomingRecord]:
    return [make_record(offset=offset, key=key) for offset, key in enumerate(keys)]


def _pop_all(line: Line) -> list[int]:
    return [record.offset for record in iter(line.pop, None)]


def test_log_order_is_first_come_first_served() -> None:
    line = LogOrder()
    line.add(_records(b"a", b"a", None))
    assert len(line) == 3
    assert _pop_all(line) == [0, 1, 2]


def test_key_order_hands_out_one_record_of_a_key_and_the_other_keys_beside_it() -> None:
    line = KeyOrder()
    records = _records(b"a", b"a", b"b", b"a", None, None, b"b")
    line.add(records)
    assert _pop_all(line) == [0, 2, 4, 5]
    assert len(line) == 3
    line.finished(records[0])
    assert _pop_all(line) == [1]
    line.finished(records[2])
    line.finished(records[1])
    assert _pop_all(line) == [6, 3]
    assert len(line) == 0


def test_a_key_whose_records_are_all_done_is_free_again() -> None:
    line = KeyOrder()
    (first, second) = _records(b"a", b"a")
    line.add([first])
    assert line.pop() is first
    line.finished(first)
    line.add([second])
    assert line.pop() is second


def test_an_empty_key_is_a_key() -> None:
    line = KeyOrder()
    line.add(_records(b"", b""))
    assert _pop_all(line) == [0]


class _Out:
    """Takes records out of a line, and checks that no two of a key are out at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._out: list[IncomingRecord] = []
        self.seen: dict[bytes | None, list[int]] = defaultdict(list)

    def take(self) -> bool:
        record = self._line.pop()
        if record is None:
            return False
        assert record.key is None or record.key not in {other.key for other in self._out}
        self.seen[record.key].append(record.offset)
        self._out.append(record)
        return True

    def end(self, place: int) -> bool:
        if not self._out:
            return False
        self._line.finished(self._out.pop(place % len(self._out)))
        return True


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", None]), st.integers(0, 9))))
def test_key_order_keeps_the_log_order_within_each_key(
    steps: list[tuple[bytes | None, int]],
) -> None:
    """Records come, go and end in any order; no two of a key are out, and none is forgotten."""
    line = KeyOrder()
    out = _Out(line)
    for offset, (key, place) in enumerate(steps):
        line.add([make_record(offset=offset, key=key)])
        out.take()
        if place < 5:
            out.end(place)
    while out.take() or out.end(0):
        pass
    assert len(line) == 0
    for key in {key for key, _ in steps}:
        assert out.seen[key] == [offset for offset, (one, _) in enumerate(steps) if one == key]


class _CountedKey(bytes):
    """Counts how often it was looked up."""

    lookups = 0

    def __hash__(self) -> int:
        _CountedKey.lookups += 1
        return super().__hash__()

    __eq__ = bytes.__eq__


def test_a_key_with_very_many_records_costs_no_search_for_each() -> None:
    """Walking over a hot key's waiting records at each turn would be quadratic."""
    line = KeyOrder()
    line.add([make_record(offset=offset, key=_CountedKey(b"hot")) for offset in range(20_000)])
    line.add([make_record(offset=offset, key=_CountedKey(b"cold")) for offset in range(20_000)])
    while (taken := line.pop()) is not None:
        line.finished(taken)
    assert len(line) == 0
    assert _CountedKey.lookups <= 6 * 40_000


def test_clearing_returns_what_waits_and_frees_only_the_keys_of_what_waits() -> None:
    line = KeyOrder()
    records = _records(b"a", b"b", b"a", b"b", b"c")
    line.add(records)
    first, second = line.pop(), line.pop()
    assert first is records[0]
    assert second is records[1]
    line.finished(first)
    assert sorted(record.offset for record in line.clear()) == [2, 3, 4]
    assert len(line) == 0
    later = [make_record(offset=offset, key=key) for offset, key in ((5, b"a"), (6, b"b"))]
    line.add(later)
    assert _pop_all(line) == [5]
    line.finished(second)
    assert _pop_all(line) == [6]


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_due_order_hands_out_nothing_early_and_what_is_due_first_first() -> None:
    clock = _Clock()
    due = {0: 30.0, 1: 10.0, 2: 20.0, 3: 10.0}
    line = DueOrder(lambda record: due[record.offset], clock=clock)
    line.add(_records(None, None, None, None))
    clock.now = 9.999
    assert line.pop() is None
    clock.now = 10.0
    assert _pop_all(line) == [1, 3]
    clock.now = 100.0
    assert _pop_all(line) == [2, 0]


def test_due_order_drops_what_waits() -> None:
    line = DueOrder(lambda _: 1e12)
    line.add(_records(None, None))
    assert sorted(record.offset for record in line.clear()) == [0, 1]
    assert (len(line), line.wakes_at) == (0, None)


def test_due_order_says_when_to_look_again_as_the_wall_clock_has_it_now() -> None:
    """The wall clock may be set: what was worked out before counts no longer."""
    clock = _Clock()
    line = DueOrder(lambda _: 100.0, clock=clock)
    line.add(_records(None))
    far = line.wakes_at
    clock.now = 90.0
    near = line.wakes_at
    assert far is not None
    assert near is not None
    assert far - near > 80
