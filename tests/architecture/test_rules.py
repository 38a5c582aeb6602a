"""Rules about the code itself; each failure names the place and what the rule is for."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "bench",
    "devstack",
    "migrations",
    "realtime",
    "resume_parser",
    "resumes",
    "store",
    "tasks",
    "webapp",
]
SOURCES = sorted(
    [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")] + [*ROOT.glob("*.py")]
)

MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 40
#: Over the cap, each with its reason; a split would make these harder to read.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS = {
    "wsgi.py:build_app": "a composition root names each collaborator once",
    "worker.py:run": "a composition root names each collaborator once",
    "rescuer.py:run": "a composition root names each collaborator once",
    "tasks/broker.py:build_broker": "a composition root names each collaborator once",
}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function and its lines without those of the functions in it: they are read alone.

    So a blueprint may be a long list of short routes.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            lines = _lines(node) - sum(map(_lines, inner))
            yield f"{path.relative_to(ROOT)}:{node.name}", lines


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_can_be_read_top_to_bottom() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_MODULE_LINES
    }
    assert long.keys() <= LONG_MODULES.keys(), long


def test_functions_fit_on_a_screen() -> None:
    long = {
        name: lines
        for path in SOURCES
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    }
    assert long.keys() <= LONG_FUNCTIONS.keys(), long


def test_exceptions_to_the_caps_are_still_needed() -> None:
    lengths = {name: lines for path in SOURCES for name, lines in functions(path)}
    assert all(lengths.get(name, 0) > MAX_FUNCTION_LINES for name in LONG_FUNCTIONS)
    for name in LONG_MODULES:
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_nothing_is_left_to_do_later() -> None:
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    left = [str(path) for path in SOURCES if marker.search(path.read_text(encoding="utf-8"))]
    assert left == []


def test_only_settings_and_the_development_stack_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"\bos\.(environ|getenv)", path.read_text(encoding="utf-8"))
    }
    allowed = {
        "settings.py",
        "settings_sources.py",
        "gunicorn.conf.py",
        "tasks/kafka_broker/__main__.py",
    }
    assert {name for name in readers if not name.startswith(("devstack/", "bench/"))} <= allowed


def test_the_import_linter_knows_every_package() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(config["tool"]["importlinter"]["root_packages"]) == PACKAGES
    present = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert present == set(PACKAGES)


def test_every_setting_is_documented() -> None:
    from settings import Settings
    from settings_sources import ENVIRONMENT_NAMES

    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    keys = [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    ]
    assert [name for name in [*keys, *ENVIRONMENT_NAMES] if f"`{name}`" not in text] == []


def test_every_metric_of_ours_is_documented() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    prefixes = re.findall(r"`(\w+)\*`", text)
    names = [
        name
        for package in ("webapp", "tasks", "realtime")
        for name in re.findall(
            r"(?:Counter|Gauge|Histogram)\(\s*\"(\w+)\"",
            (ROOT / package / "metrics.py").read_text(encoding="utf-8"),
        )
    ]
    assert names
    missing = [n for n in names if f"`{n}`" not in text and not n.startswith(tuple(prefixes))]
    assert missing == []


def test_every_error_a_user_can_meet_has_its_own_code() -> None:
    from resumes import errors

    codes = [
        value.code
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, errors.UploadRefusedError)
        and value is not errors.UploadRefusedError
    ]
    assert len(codes) == len(set(codes))


def test_every_refusal_has_a_status() -> None:
    from resumes import errors
    from webapp.errors import STATUS_OF

    refusals = {
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, errors.UploadRefusedError)
        and value is not errors.UploadRefusedError
    }
    assert refusals <= STATUS_OF.keys()


def test_migrations_are_numbered_and_say_when_they_run() -> None:
    names = sorted(path.stem for path in (ROOT / "migrations/versions").glob("*.py"))
    for number, name in enumerate(names, 1):
        assert re.fullmatch(rf"{number:04d}_(pre|post)_[a-z_]+", name), name


def test_no_file_names_a_machine() -> None:
    suffixes = {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".html", ".js", ".css", ".json"}
    places = re.compile("/(work|farm|root)" + "/")
    named = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if path.suffix in suffixes
        and not {part for part in path.relative_to(ROOT).parts if part.startswith(".")}
        and path.is_file()
        and places.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert named == []
