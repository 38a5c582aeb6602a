from pathlib import Path

import pytest

from devstack import stack
from devstack.errors import DevstackError


def test_a_second_owner_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with (
        stack.only_owner(tmp_path),
        pytest.raises(DevstackError, match=r"running already \(pid \d+\)"),
        stack.only_owner(tmp_path),
    ):
        raise AssertionError("two owners")
    with stack.only_owner(tmp_path):
        pass
