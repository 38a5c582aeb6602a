"""Which dead letters are dealt with, and how that is written down."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.handled import Handled, decode
from tasks.kafka_broker.progress import MAX_BITS


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8))), st.integers(0, 30))
def test_what_was_noted_is_handled_and_nothing_else_however_it_is_stored(
    marks: list[tuple[int, int]], begin: int
) -> None:
    handled = Handled(begin)
    noted = set(range(begin))
    for start, length in marks:
        offsets = range(start, start + length)
        handled.add(offsets)
        noted |= set(offsets)
    read = decode(handled.encode(), begin=0, end=100)
    assert {offset for offset in range(100) if offset in handled} == noted
    assert {offset for offset in range(100) if offset in read} == noted
    assert handled.next_offset not in handled


def test_before_the_first_commit_nothing_is_handled() -> None:
    handled = decode(None, begin=5, end=9)
    assert (handled.next_offset, len(handled)) == (5, 0)


def test_what_retention_removed_holds_nothing_back() -> None:
    handled = decode(Handled(2, {6, 7}).encode(), begin=6, end=9)
    assert (handled.next_offset, len(handled)) == (8, 0)


def test_marks_of_a_deleted_topic_hide_no_letter_of_its_successor() -> None:
    assert 0 not in decode((12, ""), begin=0, end=3)


def test_what_another_program_committed_counts_by_its_offset_alone() -> None:
    handled = decode((2, "someone else"), begin=0, end=9)
    assert (handled.next_offset, len(handled)) == (2, 0)


def test_there_is_room_for_as_many_as_a_commit_can_name() -> None:
    handled = Handled(10)
    assert handled.has_room_for(10 + MAX_BITS - 1)
    assert not handled.has_room_for(10 + MAX_BITS)
    handled.add(range(10 + MAX_BITS - 1, 10 + 3 * MAX_BITS))
    assert len(handled) == 1
    assert decode(handled.encode(), begin=0, end=10**9).next_offset == 10
