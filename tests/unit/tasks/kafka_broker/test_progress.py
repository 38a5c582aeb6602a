from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.progress import MAX_BITS, decode_done, encode_all_but, encode_done

KAFKA_DEFAULT_LIMIT = 4096

next_offsets = st.integers(min_value=0, max_value=2**62)
distances = st.sets(st.integers(min_value=0, max_value=MAX_BITS - 1))


@given(next_offsets, distances)
def test_what_was_written_is_read(next_offset: int, above: set[int]) -> None:
    done = {next_offset + distance for distance in above}
    assert decode_done(next_offset, encode_done(next_offset, done)) == done


@given(next_offsets)
def test_a_full_bitmap_fits_kafkas_limit(next_offset: int) -> None:
    text = encode_done(next_offset, range(next_offset, next_offset + 2 * MAX_BITS))
    assert len(text) <= KAFKA_DEFAULT_LIMIT
    assert len(decode_done(next_offset, text)) == MAX_BITS


@given(st.text())
def test_a_text_of_somebody_else_names_nothing_or_offsets_above(text: str) -> None:
    assert all(offset >= 7 for offset in decode_done(7, text))


def test_nothing_done_is_no_text() -> None:
    assert encode_done(5, []) == ""


@given(next_offsets, distances, st.integers(min_value=0, max_value=2 * MAX_BITS))
def test_naming_what_is_unfinished_says_the_same(
    next_offset: int, above: set[int], length: int
) -> None:
    unfinished = sorted(next_offset + distance for distance in above)
    end = next_offset + length
    done = set(range(next_offset, end)) - set(unfinished)
    assert encode_all_but(unfinished, next_offset, end) == encode_done(next_offset, done)
