"""The number that decides whether a crash loses a task."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.offsets import OffsetTracker


@st.composite
def logs(draw: st.DrawFn) -> list[int]:
    """Offsets of a log with holes, as compaction and transactions leave them."""
    start = draw(st.integers(0, 1000))
    steps = draw(st.lists(st.integers(1, 5), max_size=40))
    offsets = [start]
    for step in steps:
        offsets.append(offsets[-1] + step)
    return offsets


@given(offsets=logs(), rng=st.randoms(use_true_random=False))
def test_any_order_of_reading_and_finishing_never_commits_past_an_unfinished_record(
    offsets: list[int], rng: random.Random
) -> None:
    tracker = OffsetTracker()
    unread = offsets[::-1]
    unfinished: set[int] = set()
    while unread or unfinished:
        if unread and (not unfinished or rng.random() < 0.5):
            offset = unread.pop()
            tracker.add(offset)
            unfinished.add(offset)
        else:
            offset = rng.choice(sorted(unfinished))
            assert tracker.finish(offset)
            unfinished.remove(offset)
        assert tracker.committable is not None
        assert all(offset >= tracker.committable for offset in unfinished)
        assert len(tracker) == len(unfinished)
    assert tracker.committable == offsets[-1] + 1
    assert tracker.span == 0


@given(offsets=logs(), rng=st.randoms(use_true_random=False))
def test_a_crash_at_any_point_reads_every_unfinished_record_again(
    offsets: list[int], rng: random.Random
) -> None:
    tracker = OffsetTracker()
    for offset in offsets:
        tracker.add(offset)
    finished = set(rng.sample(offsets, rng.randrange(len(offsets) + 1)))
    for offset in finished:
        tracker.finish(offset)
    assert tracker.committable is not None
    read_again = {offset for offset in offsets if offset >= tracker.committable}
    assert set(offsets) - finished <= read_again


def test_nothing_is_committable_before_anything_is_known() -> None:
    tracker = OffsetTracker()
    assert tracker.committable is None
    assert tracker.span == 0


def test_the_position_passes_markers_that_are_no_records() -> None:
    tracker = OffsetTracker()
    tracker.add(3)
    tracker.advance(7)
    assert tracker.committable == 3
    tracker.finish(3)
    assert tracker.committable == 7


def test_the_position_never_goes_back() -> None:
    tracker = OffsetTracker()
    tracker.advance(7)
    tracker.advance(5)
    assert tracker.position == 7


def test_finishing_twice_or_finishing_the_unknown_changes_nothing() -> None:
    tracker = OffsetTracker()
    tracker.add(0)
    assert tracker.finish(0)
    assert not tracker.finish(0)
    assert not tracker.finish(99)
    assert tracker.committable == 1


def test_the_span_is_what_a_crash_would_repeat() -> None:
    tracker = OffsetTracker()
    for offset in (10, 11, 15):
        tracker.add(offset)
    tracker.finish(11)
    assert tracker.span == 6


def test_an_offset_below_the_position_is_refused() -> None:
    tracker = OffsetTracker()
    tracker.add(5)
    with pytest.raises(ValueError, match="offset 4 comes after position 6"):
        tracker.add(4)
