import unicodedata

import pytest

from resumes.accounts import MAX_PASSWORD_BYTES, Account, as_name, password_bytes, password_fault
from resumes.operating import Role


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ann", "ann"),
        (" Ann ", "ann"),
        ("ann.b+c@example.com", "ann.b+c@example.com"),
        ("7", "7"),
        ("x" * 64, "x" * 64),
        ("x" * 65, ""),
        ("", ""),
        (".ann", ""),
        ("-ann", ""),
        ("ann b", ""),
        ("ann\nb", ""),
        ("änn", ""),
        ("\u0430nn", ""),  # a Cyrillic look-alike
        ("$ne", ""),
        ("operator:ann", ""),
    ],
)
def test_a_name_is_one_that_looks_like_no_other(typed: str, name: str) -> None:
    assert as_name(typed) == name


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("x" * 12, ""),
        (" " * 12, ""),
        ("mật khẩu dài", ""),
        ("x" * MAX_PASSWORD_BYTES, ""),
        ("x" * 11, "at least 12 characters"),
        ("a\u0301" * 6, "at least 12 characters"),  # six letters, however they are composed
        ("", "at least 12 characters"),
        ("x" * (MAX_PASSWORD_BYTES + 1), "at most 1024 bytes"),
        ("ộ" * 400, "at most 1024 bytes"),
        ("x" * 12 + "\udcff", "not UTF-8"),
    ],
)
def test_a_password_is_long_enough_and_no_burden(password: str, fault: str) -> None:
    found = password_fault(password)
    assert fault in found
    assert bool(found) == bool(fault)


def test_a_password_is_the_same_on_every_keyboard() -> None:
    composed = unicodedata.normalize("NFC", "mật khẩu của tôi")
    assert composed != (apart := unicodedata.normalize("NFD", composed))
    assert password_bytes(composed) == password_bytes(apart)


def test_an_account_shows_no_secrets() -> None:
    shown = repr(Account("ann", Role.VIEWER, "the hash", "the epoch"))
    assert "the hash" not in shown
    assert "the epoch" not in shown
