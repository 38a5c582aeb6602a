import json
import sys
from pathlib import Path

from resumes.job import resume_id_of
from resumes.traces import trace_of

SECRET = "nguyen@example.com"


def caught(raising: object) -> BaseException:
    try:
        assert callable(raising)
        raising()
    except Exception as error:  # noqa: BLE001 - any is what it is about
        return error
    raise AssertionError("it raised nothing")


def with_a_cause() -> None:
    try:
        json.loads(f"[{SECRET}")
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def test_a_trace_names_places_and_classes_the_innermost_last() -> None:
    lines = trace_of(caught(with_a_cause)).splitlines()
    here = "tests/unit/resumes/test_traces.py"
    assert lines[0] == "RuntimeError"
    assert lines[1].startswith(f"  {here}:")
    assert lines[2].startswith(f"  {here}:")
    assert lines[2].endswith(" in with_a_cause")
    cause = lines.index("caused by json.decoder.JSONDecodeError")
    assert lines[-1].startswith("  json/decoder.py:")
    assert lines[-1].endswith(" in JSONDecoder.raw_decode")
    assert cause < len(lines) - 1


def test_a_trace_gives_away_nothing() -> None:
    """Texts of exceptions hold personal data, paths the machine's set-up."""
    text = trace_of(caught(with_a_cause))
    assert SECRET not in text
    assert str(Path(__file__).parents[3]) not in text
    assert not [root for root in sys.path if root and root in text]


def test_our_own_files_are_named_from_the_project_on() -> None:
    error = caught(lambda: resume_id_of("no hexadecimal number"))
    assert "  resumes/job.py:" in trace_of(error)


def test_code_from_nowhere_has_its_bare_name() -> None:
    code = compile("1 / 0", "/home/someone/private/place.py", "exec")
    text = trace_of(caught(lambda: exec(code)))
    assert text.splitlines()[-1] == "  place.py:1 in <module>"


def test_a_hidden_context_is_left_out_and_an_open_one_is_not() -> None:
    def hides() -> None:
        try:
            int("")
        except ValueError:
            raise RuntimeError from None

    def shows() -> None:
        try:
            int("")
        finally:
            raise RuntimeError

    assert "ValueError" not in trace_of(caught(hides))
    assert "caused by ValueError" in trace_of(caught(shows))


def test_a_long_trace_keeps_its_innermost_calls() -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise RuntimeError(SECRET)

    text = trace_of(caught(lambda: deep(300)))
    assert 3_900 < len(text) <= 4_000
    assert text.startswith("  tests/unit/resumes/test_traces.py:")
    assert text.endswith("deep")


def test_a_chain_that_bites_its_tail_has_an_end() -> None:
    one, two = RuntimeError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert trace_of(one) == "RuntimeError\ncaused by ValueError"


def test_an_exception_that_nobody_raised_has_its_name() -> None:
    assert trace_of(StopIteration()) == "StopIteration"
