"""Each vendored file is the one its package published: none added, lost or edited."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[3] / "webapp" / "static" / "vendor"
MANIFEST = VENDOR / "MANIFEST.json"
PACKAGES = json.loads(MANIFEST.read_text(encoding="utf-8"))
INTEGRITY = {
    name: file["integrity"] for package in PACKAGES for name, file in package["files"].items()
}


@pytest.mark.parametrize("name", INTEGRITY)
def test_a_vendored_file_has_the_hash_its_manifest_says(name: str) -> None:
    digest = hashlib.sha256((VENDOR / name).read_bytes()).digest()

    assert INTEGRITY[name] == "sha256-" + base64.b64encode(digest).decode()


def test_nothing_lies_in_the_vendor_folder_that_the_manifest_does_not_name() -> None:
    found = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}

    assert found == {*INTEGRITY, MANIFEST.name}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["package"])
def test_a_vendored_package_has_its_version_and_its_licence_text(package: dict[str, str]) -> None:
    assert package["version"]
    assert package["licence"]
    assert any(Path(name).stem == "LICENSE" for name in package["files"])
