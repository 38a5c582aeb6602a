"""Passwords are right or wrong, whatever stands in the database, and argon2 holds nobody up."""

import subprocess
import sys

import pytest

from tests.services.operators import CHEAP
from webapp.operators_passwords import Passwords

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(**CHEAP)


def test_a_password_is_right_for_its_own_hash_alone(passwords: Passwords) -> None:
    stored = passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert stored != passwords.hash(PASSWORD)
    assert passwords.is_right(stored, PASSWORD)
    assert not passwords.is_right(stored, PASSWORD + " ")
    assert not passwords.is_right(stored, "")


def test_nobodys_password_is_never_right(passwords: Passwords) -> None:
    assert not passwords.is_right(None, PASSWORD)
    assert not passwords.is_right(None, "")


def test_a_password_that_is_too_long_is_not_even_looked_at(passwords: Passwords) -> None:
    long = "x" * 2_000
    assert not passwords.is_right(passwords.hash(long), long)


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$2b$12$abc", "\0"])
def test_what_is_no_hash_matches_nothing(passwords: Passwords, stored: str) -> None:
    assert not passwords.is_right(stored, PASSWORD)
    assert not passwords.is_right(stored, stored)


def test_hashes_of_other_parameters_are_outdated_and_still_good(passwords: Passwords) -> None:
    older = Passwords(memory_kib=16, passes=1).hash(PASSWORD)
    assert passwords.is_outdated(older)
    assert passwords.is_right(older, PASSWORD)
    assert not passwords.is_outdated(passwords.hash(PASSWORD))


def test_what_we_ship_is_no_weaker_than_what_owasp_asks_for() -> None:
    stored = Passwords().hash(PASSWORD)
    values = dict(part.split("=") for part in stored.split("$")[3].split(","))
    assert int(values["m"]) >= 19 * 1024
    assert int(values["t"]) >= 2


#: A greenlet counts while the hash is being made: it never runs when argon2 holds the loop.
UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent
from webapp.operators_passwords import Passwords
passwords = Passwords(memory_kib=64 * 1024, passes=4)
turns = 0
def others():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)
gevent.spawn(others)
stored = passwords.hash("correct horse battery")
assert turns > 0, "the loop stood still"
assert passwords.is_right(stored, "correct horse battery")
assert not passwords.is_right(stored, "wrong horse battery")
assert not passwords.is_right("no hash", "correct horse battery")
"""


def test_under_gevent_the_loop_goes_on_meanwhile() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # gevent prints what leaves a thread
