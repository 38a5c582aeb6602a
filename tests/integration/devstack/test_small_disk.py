"""A disk that can be full, and is gone afterwards."""

import os
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from tests.services.small_disk import small_disk

NOBODY = 65534


def test_a_full_disk_takes_nothing_until_it_is_freed(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    if os.geteuid():  # all that there is to see then; CI is root
        with pytest.raises(DevstackError), small_disk(path, 1):
            pass
        return
    with small_disk(path, mib=1) as disk:
        assert os.path.ismount(path)
        (path / "before").write_bytes(bytes(1000))
        disk.fill()
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (path / "more").write_bytes(bytes(5000))
        disk.free()
        (path / "more").write_bytes(bytes(5000))
    assert list(path.iterdir()) == []


def test_without_root_it_says_so(tmp_path: Path) -> None:
    ours = os.geteuid()
    if ours == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(DevstackError, match="run this test as root"), small_disk(tmp_path, 1):
            pass
    finally:
        os.seteuid(ours)
