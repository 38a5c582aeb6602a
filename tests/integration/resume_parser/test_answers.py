"""Each row of the contract's parser service, on the running process."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.resume_parser import broken_pdfs
from tests.integration.resume_parser.conftest import ROOT, Parser

SAMPLE = ROOT / "samples" / "resume.pdf"
LIMIT_BYTES = 10 * 1024 * 1024


def test_the_sample_is_read_completely(parser: Parser) -> None:
    expected = json.loads((ROOT / "samples" / "resume.expected.json").read_text("utf-8"))

    response = parser.parse(SAMPLE.read_bytes())

    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Resume parsed.", "cv_data": expected}


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        pytest.param(broken_pdfs.encrypted(), "password", id="encrypted"),
        pytest.param(broken_pdfs.picture_only(), "no text", id="picture only"),
        pytest.param(broken_pdfs.zero_pages(), "PDF", id="zero pages"),
        pytest.param(SAMPLE.read_bytes()[:2_000], "export", id="truncated"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 40, "export", id="garbage"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "export", id="a picture file"),
        pytest.param(b"%", "export", id="one byte"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_refused_with_advice(
    parser: Parser, data: bytes, advice: str
) -> None:
    response = parser.parse(data)

    assert response.status_code == 422
    assert set(response.json()) == {"success", "message"}
    assert response.json()["success"] is False
    assert advice.casefold() in response.json()["message"].casefold()


def test_a_pdf_with_an_owner_password_only_is_read(parser: Parser) -> None:
    response = parser.parse(broken_pdfs.encrypted(user_password=""))

    assert response.status_code == 200
    assert response.json()["cv_data"]["name"] == "Jane Example"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"file": ("resume.pdf", b"")},
        {"resume": ("resume.pdf", b"%PDF-")},
        [("file", ("a.pdf", b"%PDF-")), ("file", ("b.pdf", b"%PDF-"))],
        [("file", ("a.pdf", b"%PDF-")), ("other", ("b.pdf", b"%PDF-"))],
    ],
)
def test_anything_but_one_file_is_a_bad_request(parser: Parser, files: object) -> None:
    response = requests.post(f"{parser.url}/parse/pdf", files=files, timeout=10)  # type: ignore[arg-type]

    assert response.status_code == 400
    assert response.json()["success"] is False


def test_the_limit_counts_the_file_alone(parser: Parser) -> None:
    sample = SAMPLE.read_bytes()

    at_limit = parser.parse(sample + b"\n" * (LIMIT_BYTES - len(sample)))
    above = parser.parse(sample + b"\n" * (LIMIT_BYTES - len(sample) + 1))

    assert at_limit.status_code == 200
    assert (above.status_code, above.json()["success"]) == (413, False)


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 200), ("/", 404)])
def test_every_address_answers_json(parser: Parser, path: str, status: int) -> None:
    response = requests.get(parser.url + path, timeout=10)

    assert response.status_code == status
    assert response.json()


def test_a_wrong_method_is_refused_in_json(parser: Parser) -> None:
    response = requests.get(f"{parser.url}/parse/pdf", timeout=10)

    assert (response.status_code, response.json()["success"]) == (405, False)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        (
            b"POST /parse/pdf HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\nnot-a-size\r\n"
        ),
    ],
)
def test_malformed_http_is_refused_in_json(parser: Parser, request_bytes: bytes) -> None:
    address = urlsplit(parser.url)
    assert address.hostname
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as client:
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["success"] is False


def test_the_log_is_json_and_tells_nothing_of_the_resume(parser: Parser) -> None:
    parser.parse(SAMPLE.read_bytes(), file_name="nguyen-thi-minh-anh.pdf")

    entries = [json.loads(entry) for entry in Path(parser.log_path).read_text().splitlines()]
    answered = [entry for entry in entries if entry["event"] == "pdf.answered"]

    assert answered[-1]["outcome"] == "parsed"
    assert answered[-1]["pages"] == 1
    assert "minh" not in json.dumps(entries, ensure_ascii=False).casefold()
