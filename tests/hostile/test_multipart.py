"""Multipart bodies that break parsers: each with its exact answer, none at the others' expense."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from bson import ObjectId

from tests.hostile.forms import (
    BOUNDARY,
    CONTENT_TYPE,
    TEN_MB,
    field,
    file_part,
    form,
    part,
    pdf_of,
)
from tests.hostile.processes import growth_bytes
from tests.hostile.target import Target, is_problem
from tests.hostile.wire import Answer, chunked, request
from tests.services.client import JOB_STATUS, SMALL_PDF, UPLOAD, TestUser

MIB = 1024 * 1024
#: In five repeats, each with 40 MiB of bodies.
MAX_GROWTH_BYTES = 16 * MIB


@dataclass(frozen=True)
class Case:
    """A body, its type, and what it gets: a status, and the problem's code."""

    body: Callable[[], bytes]
    status: int
    code: str = ""
    content_type: str = CONTENT_TYPE


def whole(*parts: bytes) -> Callable[[], bytes]:
    return lambda: form(*parts)


def typed(content_type: str, status: int = 400, code: str = "file_missing") -> Case:
    return Case(whole(file_part()), status, code, f"Content-Type: {content_type}")


def refused(body: Callable[[], bytes], code: str = "file_missing") -> Case:
    return Case(body, 400, code)


BODIES: dict[str, Case] = {
    # The boundary
    "no boundary": typed("multipart/form-data"),
    "empty boundary": typed("multipart/form-data; boundary="),
    "quoted boundary": typed('multipart/form-data; boundary="frontier"', 202, ""),
    "another boundary": typed("multipart/form-data; boundary=elsewhere"),
    "boundary beyond ASCII": typed("multipart/form-data; boundary=\xff"),
    "boundary of 70": Case(
        lambda: form(file_part()).replace(BOUNDARY, b"b" * 70),
        202,
        content_type="Content-Type: multipart/form-data; boundary=" + "b" * 70,
    ),
    "boundary of 71": Case(
        lambda: form(file_part()).replace(BOUNDARY, b"b" * 71),
        400,
        "file_missing",
        "Content-Type: multipart/form-data; boundary=" + "b" * 71,
    ),
    "boundary of 4 KB": typed("multipart/form-data; boundary=" + "b" * 4096),
    "boundary inside the data": Case(whole(file_part(SMALL_PDF + b" --frontier-- x")), 202),
    "almost the boundary, often": Case(
        whole(file_part(SMALL_PDF + b"\r\n--frontie\r\n--frontierx" * 50_000)), 202
    ),
    "only boundaries": refused(lambda: form(b"--frontier\r\n" * 100_000), "bad_request"),
    "only line ends": refused(lambda: b"\r\n" * (2 * MIB), "bad_request"),
    # Other types than multipart
    "no content type": Case(whole(file_part()), 400, "file_missing", "X-Nothing: here"),
    "text": typed("text/plain"),
    "a JSON body": Case(
        lambda: b'{"file": "JVBERi0xLjc="}', 400, "file_missing", "Content-Type: application/json"
    ),
    "a bare PDF": Case(lambda: SMALL_PDF, 400, "file_missing", "Content-Type: application/pdf"),
    "10 MB of a web form": Case(
        lambda: b"a&" * (5 * MIB),
        400,
        "file_missing",
        "Content-Type: application/x-www-form-urlencoded",
    ),
    "multipart/mixed": typed("multipart/mixed; boundary=frontier"),
    "upper case": typed("MULTIPART/FORM-DATA; BOUNDARY=frontier", 202, ""),
    "two boundaries": typed("multipart/form-data; boundary=x; boundary=frontier", 202, ""),
    # Lines
    "line feeds alone": Case(lambda: form(file_part()).replace(b"\r\n", b"\n"), 202),
    "carriage returns alone": Case(lambda: form(file_part()).replace(b"\r\n", b"\r"), 202),
    "a short preamble": Case(lambda: b"Dear server,\r\n" + form(file_part()), 202),
    "a preamble of 1 MB": refused(lambda: b"x" * MIB + b"\r\n" + form(file_part()), "bad_request"),
    "an epilogue of 1 MB": Case(lambda: form(file_part()) + b"x" * MIB, 202),
    "no end": refused(lambda: form(file_part(), end=b"")),
    "cut in the part's header": refused(lambda: form(file_part())[:40]),
    "an end at once": refused(form),
    "NULs": refused(lambda: b"\0" * 4096),
    # Parts
    "nested multipart": refused(
        whole(
            part(
                b'form-data; name="file"',
                form(file_part()).replace(BOUNDARY, b"inner"),
                b"Content-Type: multipart/mixed; boundary=inner",
            )
        )
    ),
    "150,000 tiny parts": refused(
        lambda: form(b"--frontier\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 150_000),
        "bad_request",
    ),
    "20 parts": Case(whole(*(field(f"f{n}") for n in range(19)), file_part()), 202),
    "21 parts": refused(whole(*(field(f"f{n}") for n in range(20)), file_part()), "bad_request"),
    "a large field": Case(whole(field("text", b"x" * (5 * MIB)), file_part()), 202),
    "the PDF as a field": refused(whole(field("file", SMALL_PDF))),
    "another field's file": refused(
        whole(part(b'form-data; name="resume"; filename="cv.pdf"')),
    ),
    "no name": refused(whole(part(b'form-data; filename="cv.pdf"'))),
    "an operator as name": refused(whole(part(b'form-data; name="file[$ne]"; filename="cv.pdf"'))),
    "no disposition": refused(
        whole(b"--frontier\r\nContent-Type: application/pdf\r\n\r\n%PDF-\r\n")
    ),
    "attachment": Case(whole(part(b'attachment; name="file"; filename="cv.pdf"')), 202),
    "two files": refused(whole(file_part(), file_part()), "several_files"),
    "two files, two fields": refused(
        whole(file_part(), part(b'form-data; name="b"; filename="b"')), "several_files"
    ),
    "a file, and one without name": Case(whole(file_part(), file_part(name=b"")), 202),
    "20 files": refused(whole(*[file_part()] * 20), "several_files"),
    # Part headers
    "a part header of 15 KB": Case(whole(file_part(SMALL_PDF, b"X-Long: " + b"x" * 15_000)), 202),
    "a part header of 64 KB": refused(
        whole(file_part(SMALL_PDF, b"X-Long: " + b"x" * 65_536)), "bad_request"
    ),
    "a part header of 1 MB": refused(
        whole(file_part(SMALL_PDF, b"X-Long: " + b"x" * MIB)), "bad_request"
    ),
    "300,000 header lines": refused(whole(file_part(SMALL_PDF, *[b"a:"] * 300_000)), "bad_request"),
    "a header of parameters": refused(whole(part(b"form-data" + b";a=b" * 200_000)), "bad_request"),
    "a header of quotes": refused(whole(part(b'form-data; a="' + b'\\"' * 200_000)), "bad_request"),
    "header lines folded": Case(
        whole(part(b'form-data;\r\n name="file";\r\n\tfilename="cv.pdf"')), 202
    ),
    "a header that is no UTF-8": refused(whole(file_part(SMALL_PDF, b"X-Odd: \xff\xfe"))),
    "a header without colon": Case(whole(file_part(SMALL_PDF, b"nonsense")), 202),
    "its own length, a lie": Case(whole(file_part(SMALL_PDF, b"Content-Length: 99999999999")), 202),
    "its own encoding, a lie": Case(
        whole(file_part(SMALL_PDF, b"Content-Transfer-Encoding: base64")), 202
    ),
    "a type that is no type": Case(whole(file_part(SMALL_PDF, b"Content-Type: \x1b[31m")), 202),
    # Contents
    "an empty file": refused(whole(file_part(b"")), "file_empty"),
    "a BOM before the PDF": refused(whole(file_part(b"\xef\xbb\xbf" + SMALL_PDF)), "not_a_pdf"),
    "a PDF after a line end": refused(whole(file_part(b"\r\n" + SMALL_PDF)), "not_a_pdf"),
    "a lower-case PDF": refused(whole(file_part(SMALL_PDF.lower())), "not_a_pdf"),
    "HTML called PDF": refused(
        whole(file_part(b"<script>alert(1)</script>", b"Content-Type: application/pdf")),
        "not_a_pdf",
    ),
    "a PDF called a program": Case(
        whole(file_part(SMALL_PDF, b"Content-Type: application/x-msdownload", name=b"cv.exe")), 202
    ),
    "a gzip of a PDF": refused(whole(file_part(b"\x1f\x8b\x08\0\0\0\0\0")), "not_a_pdf"),
    # Sizes
    "10 MB in much envelope": Case(
        whole(field("more", b"x" * 60_000), file_part(pdf_of(TEN_MB))), 202
    ),
    "10 MB and a byte in one": refused(
        whole(field("more", b"x" * 60_000), file_part(pdf_of(TEN_MB + 1))), "file_too_large"
    ),
    "10 MB in too much envelope": refused(
        whole(field("more", b"x" * 70_000), file_part(pdf_of(TEN_MB))), "file_too_large"
    ),
    "two files of 6 MB": refused(whole(*[file_part(pdf_of(6 * MIB))] * 2), "file_too_large"),
}


def post(target: Target, user: TestUser, case: Case) -> Answer:
    headers = (f"Authorization: Bearer {user.token}", case.content_type)
    return target.ask(request("POST", UPLOAD, *headers, body=case.body()))


@pytest.mark.parametrize("name", BODIES)
def test_a_body_gets_its_exact_answer(target: Target, name: str) -> None:
    case, user = BODIES[name], target.new_user()
    answer = post(target, user, case)
    jobs = target.database["resume_parse_jobs"].count_documents({"user_id": ObjectId(user.id)})
    if case.status == 202:
        assert (answer.status, jobs) == (202, 1), answer
    else:
        assert is_problem(answer, case.status, case.code), answer.json
        assert jobs == 0


@pytest.mark.parametrize("step", [1, 7, 8_192])
def test_chunks_of_any_size_make_the_same_body(target: Target, step: int) -> None:
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    head = request("POST", UPLOAD, *headers, "Transfer-Encoding: chunked")
    answer = target.ask(head, chunked(form(file_part()), step))
    assert answer.status == 202


@pytest.mark.parametrize(("size_bytes", "status"), [(TEN_MB, 202), (TEN_MB + 1, 400)])
def test_one_chunk_may_hold_10_mb_and_no_more(target: Target, size_bytes: int, status: int) -> None:
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    head = request("POST", UPLOAD, *headers, "Transfer-Encoding: chunked")
    body = form(file_part(pdf_of(size_bytes)))
    assert target.ask(head, chunked(body, len(body))).status == status


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
def test_an_encoded_body_is_not_opened(target: Target, encoding: str) -> None:
    headers = (f"Authorization: Bearer {target.new_user().token}", CONTENT_TYPE)
    bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\0" * 1000
    answer = target.ask(
        request("POST", UPLOAD, *headers, f"Content-Encoding: {encoding}", body=bomb)
    )
    assert is_problem(answer, 415, "unsupported_media_type")


#: As sent after `filename=`, and as kept. What is kept is data: every page and log escapes it.
FILE_NAMES: dict[bytes, str] = {
    b'"../../../etc/passwd"': "passwd",
    b'"/etc/cron.d/cv.pdf"': "cv.pdf",
    b'"..\\\\..\\\\boot.ini"': "boot.ini",
    b'"C:\\\\Users\\\\me\\\\cv.pdf"': "cv.pdf",
    b'"\\\\\\\\evil.example\\\\share\\\\cv.pdf"': "cv.pdf",
    b'"..%2f..%2fcv.pdf"': "..%2f..%2fcv.pdf",
    b'"cv.pdf\0.exe"': "cv.pdf.exe",
    b'"cv%00.pdf"': "cv%00.pdf",
    b'"cv%0d%0aSet-Cookie: a=b.pdf"': "cv%0d%0aSet-Cookie: a=b.pdf",
    b'"cv\x1b[2J\x07.pdf"': "cv[2J.pdf",
    b'"cv\x7f.pdf"': "cv.pdf",
    '"cv\u202efdp.exe"'.encode(): "cvfdp.exe",
    '"\u200bcv\ufeff.pdf"'.encode(): "cv.pdf",
    '"cv\u2028.pdf"'.encode(): "cv\u2028.pdf",
    '"cv\x9b31m.pdf"'.encode(): "cv31m.pdf",
    '"Nguye\u0302\u0303n.pdf"'.encode(): "Nguy\u1ec5n.pdf",
    '"\U0001f4c4\U0001f469\u200d\U0001f4bb.pdf"'.encode(): "\U0001f4c4\U0001f469\U0001f4bb.pdf",
    b'"' + b"x" * 300 + b'.pdf"': "x" * 251 + ".pdf",
    b'"' + b"x" * 10_000 + b'.pdf"': "x" * 251 + ".pdf",
    b'"<img src=x onerror=alert(1)>.pdf"': "<img src=x onerror=alert(1)>.pdf",
    b'"\';DROP TABLE user;--.pdf"': "';DROP TABLE user;--.pdf",
    b'"{{7*7}}${7*7}.pdf"': "{{7*7}}${7*7}.pdf",
    b'"=HYPERLINK(1)"': "=HYPERLINK(1)",
    b'"@SUM(A1).pdf"': "@SUM(A1).pdf",
    b'"-rf"': "-rf",
    b'"$(reboot).pdf"': "$(reboot).pdf",
    b'"CON"': "CON",
    b'"cv.pdf.exe"': "cv.pdf.exe",
    b'".htaccess"': ".htaccess",
    b'"..."': "resume.pdf",
    b'"."': "resume.pdf",
    b'"/"': "resume.pdf",
    b'"   "': "resume.pdf",
    b'"$where"': "$where",
    b'"a.b.$c.pdf"': "a.b.$c.pdf",
    b"cv.pdf": "cv.pdf",
    b'"cv.pdf"; filename="second.pdf"': "second.pdf",
    b"\"cv.pdf\"; filename*=UTF-8''%E2%82%AC.pdf": "\u20ac.pdf",
    b"\"cv.pdf\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd": "passwd",
    b"\"cv.pdf\"; filename*=UTF-8''cv%0D%0A%00.pdf": "cv.pdf",
    b"\"cv.pdf\"; filename*=UTF-8''%FF%FE.pdf": "\ufffd\ufffd.pdf",
    b"\"cv.pdf\"; filename*=iso-8859-1''%FF.pdf": "\u00ff.pdf",
    b"\"cv.pdf\"; filename*=utf-7''+ADw-script+AD4-.pdf": "+ADw-script+AD4-.pdf",
    b'"cv.pdf"; filename*0="a"; filename*1="/b.pdf"': "b.pdf",
}
NAMELESS = [b'""', b"", b'"', b'"\xff.pdf"', b'"\xed\xa0\x80.pdf"']


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_name_is_kept_as_harmless_text(target: Target, name: bytes) -> None:
    user = target.new_user()
    case = Case(whole(part(b'form-data; name="file"; filename=' + name)), 202)
    answer = post(target, user, case)
    assert answer.status == 202, answer
    status = target.status(user, answer.json["job_id"])
    assert status["file_name"] == FILE_NAMES[name]


@pytest.mark.parametrize("name", NAMELESS)
def test_without_a_readable_file_name_it_is_no_file(target: Target, name: bytes) -> None:
    case = Case(whole(part(b'form-data; name="file"; filename=' + name)), 400)
    assert is_problem(post(target, target.new_user(), case), 400, "file_missing")


def test_a_file_name_stands_in_no_header(target: Target) -> None:
    user = target.new_user()
    name = b'"cv\r\nX-Injected: yes\r\n\r\n<html>.pdf"'
    answer = post(target, user, Case(whole(part(b'form-data; name="file"; filename=' + name)), 400))
    assert "x-injected" not in answer.headers
    assert is_problem(answer, 400, "file_missing")


def test_the_worst_bodies_leave_no_memory_behind(target: Target, web_pid: int) -> None:
    """Guards against a body that is kept: each would be 10 MB."""
    user = target.new_user(resume=[{"_id": ObjectId()}])
    worst = [
        "10 MB of a web form",
        "10 MB in much envelope",
        "two files of 6 MB",
        "300,000 header lines",
    ]

    def attack() -> None:
        for name in worst:
            assert post(target, user, BODIES[name]).status == 400

    assert growth_bytes(web_pid, attack, warm_up=2, repeats=5) < MAX_GROWTH_BYTES


def test_another_user_is_served_while_a_body_is_taken_apart(target: Target) -> None:
    """A body that costs seconds of CPU would hold up everybody, as there is one thread."""
    user = target.new_user()
    with target.wire() as slow:
        case = BODIES["300,000 header lines"]
        headers = (f"Authorization: Bearer {user.token}", case.content_type)
        slow.send(request("POST", UPLOAD, *headers, body=case.body()))
        assert target.ask(request("GET", "/livez")).status == 200
        assert slow.answer().status == 400
    assert target.get(f"{JOB_STATUS}?job_id={user.id}", user).status_code == 404
