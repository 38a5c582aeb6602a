"""Each vendored file is the one its package published: none added, lost or edited."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
#: What browsers get, and what tests alone use.
FOLDERS = [ROOT / "webapp" / "static" / "vendor", ROOT / "tests" / "browser" / "vendor"]


def packages(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    return found


PACKAGES = [package for folder in FOLDERS for package in packages(folder)]
INTEGRITY = {
    folder / name: file["integrity"]
    for folder in FOLDERS
    for package in packages(folder)
    for name, file in package["files"].items()
}


@pytest.mark.parametrize("path", INTEGRITY, ids=lambda path: path.name)
def test_a_vendored_file_has_the_hash_its_manifest_says(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).digest()

    assert INTEGRITY[path] == "sha256-" + base64.b64encode(digest).decode()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_nothing_lies_in_a_vendor_folder_that_its_manifest_does_not_name(folder: Path) -> None:
    found = {path for path in folder.rglob("*") if path.is_file()}
    named = {path for path in INTEGRITY if path.is_relative_to(folder)}

    assert found == {*named, folder / "MANIFEST.json"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["package"])
def test_a_vendored_package_has_its_version_and_its_licence_text(package: dict[str, Any]) -> None:
    assert package["version"]
    assert package["licence"]
    assert any(Path(name).stem == "LICENSE" for name in package["files"])
