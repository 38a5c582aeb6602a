import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.errors import IdempotencyKeyInvalidError
from resumes.submit import check_idempotency_key, clean_file_name


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("resume.pdf", "resume.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\me\\cv.pdf", "cv.pdf"),
        ("Nguye\u0302\u0303n Va\u0306n A.pdf", "Nguyễn Văn A.pdf"),
        ("a\x00b\r\nc.pdf", "abc.pdf"),
        ("\u202egnp.exe.pdf", "gnp.exe.pdf"),
        ("..", "resume.pdf"),
        ("", "resume.pdf"),
        ("x/", "resume.pdf"),
        ("\ud800.pdf", ".pdf"),
    ],
)
def test_a_file_name_is_its_last_part_made_printable(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept


@given(st.text(st.characters(codec=None)))
def test_any_file_name_becomes_one_that_can_be_stored_and_shown(name: str) -> None:
    kept = clean_file_name(name)
    assert 0 < len(kept) <= 255
    assert "/" not in kept
    kept.encode()


@pytest.mark.parametrize("key", ["", "x" * 256, "khóa", "a\tb"])
def test_a_bad_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalidError):
        check_idempotency_key(key)


@pytest.mark.parametrize("key", [None, "x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
def test_a_good_idempotency_key_passes(key: str | None) -> None:
    check_idempotency_key(key)
