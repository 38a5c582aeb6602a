import json

from devstack.audit import Report, read_report


def _report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_package_without_a_known_vulnerability_is_not_mentioned() -> None:
    report = read_report(_report({"name": "flask", "version": "3.1.3", "vulns": []}))
    assert report == Report(vulnerabilities=[], unchecked=[])


def test_each_vulnerability_is_named_with_its_cure() -> None:
    found = {"id": "PYSEC-2022-202", "fix_versions": ["2.4.0"], "aliases": [], "description": ""}
    hopeless = {"id": "GHSA-x", "fix_versions": [], "aliases": [], "description": ""}
    report = _report({"name": "pyjwt", "version": "1.7.1", "vulns": [found, hopeless]})
    assert read_report(report).vulnerabilities == [
        "pyjwt 1.7.1: PYSEC-2022-202, fixed in 2.4.0",
        "pyjwt 1.7.1: GHSA-x, fixed in no release",
    ]


def test_a_package_that_was_skipped_is_neither_safe_nor_known_to_be_vulnerable() -> None:
    """Guards against a source without data that passes for one that knows the canary."""
    report = read_report(_report({"name": "pyjwt", "skip_reason": "not on the index"}))
    assert report == Report([], ["pyjwt was not checked: not on the index"])
