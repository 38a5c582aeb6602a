import multiprocessing

import pytest

from resume_parser.errors import NoTextError, TooComplexPdfError
from resume_parser.sandbox import parse_in_child
from tests.integration.resume_parser import broken_pdfs
from tests.integration.resume_parser.conftest import ROOT

SAMPLE = (ROOT / "samples" / "resume.pdf").read_bytes()


def test_a_pdf_is_parsed_in_a_process_that_ends() -> None:
    parsed = parse_in_child(SAMPLE)

    assert parsed.pages == 1
    assert parsed.cv_data["name"] == "Nguyễn Thị Minh Anh"
    assert not multiprocessing.active_children()


def test_a_pdf_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooComplexPdfError):
        parse_in_child(SAMPLE, time_limit_s=0)

    assert not multiprocessing.active_children()


def test_what_is_wrong_with_the_file_comes_out_of_the_child() -> None:
    with pytest.raises(NoTextError):
        parse_in_child(broken_pdfs.picture_only())
