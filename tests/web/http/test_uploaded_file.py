"""Files in forms, as curl, requests and urllib3 send them: any size up to the limit, in flat memory."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
import urllib3

from tests.serving import Serving

KB, MB = 1024, 1024 * 1024
LIMIT = 24 * MB
SIZES = [KB, 64 * KB, 64 * KB + 1, 320 * KB, 400 * KB, 3 * MB, LIMIT]


@pytest.fixture(scope="module")
def api(root, tmp_path_factory, database_url):
    """The API with a limit of 24 MB for files."""
    url = database_url.render_as_string(hide_password=False)
    with Serving(root, url, tmp_path_factory.mktemp("forms"), MAX_UPLOAD_BYTES=str(LIMIT)) as api:
        yield api


@pytest.fixture(autouse=True)
def _empty_tables(engine):
    """What other tests have left is in nobody's way."""


def csv_of(size):
    """The bytes of a CSV of departments, `size` of them, and the number of its rows."""
    rows = [b"%08d,%s\n" % (number, b"x" * 200) for number in range(1, size // 210 + 1)]
    whole = b"".join(rows)
    return whole + b"\n" * (size - len(whole)), len(rows)


def by_curl(api, path, content, folder):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    file = folder / "big.csv"
    file.write_bytes(content)
    command = ["curl", "-s", "-u", "u:p", "-w", "\n%{http_code}", "-F", f"file=@{file}"]
    address = f"http://127.0.0.1:{api.port}{path}"
    told = subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout
    body, _, status = told.rpartition("\n")
    return int(status), json.loads(body)


def by_requests(api, path, content, folder):
    answer = requests.post(
        f"http://127.0.0.1:{api.port}{path}",
        files={"file": ("big.csv", io.BytesIO(content))},
        auth=("u", "p"),
        timeout=60,
    )
    return answer.status_code, answer.json()


def by_urllib3(api, path, content, folder):
    answer = urllib3.request(
        "POST",
        f"http://127.0.0.1:{api.port}{path}",
        fields={"file": ("big.csv", content, "text/csv")},
        headers=urllib3.make_headers(basic_auth="u:p"),
        timeout=60,
    )
    return answer.status, answer.json()


CLIENTS = [by_curl, by_requests, by_urllib3]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("send", CLIENTS)
def test_a_form_with_a_csv_of_any_size_is_taken(api, tmp_path, send, size):
    content, rows = csv_of(size)
    status, answer = send(api, "/upload/departments?dry_run=true", content, tmp_path)
    assert (status, answer["read"], answer["inserted"], answer["rejected"]) == (200, rows, rows, 0)


@pytest.mark.parametrize("send", CLIENTS)
def test_a_file_that_is_a_byte_over_the_limit_is_refused(api, tmp_path, send):
    status, answer = send(api, "/upload/departments?dry_run=true", b"\n" * (LIMIT + 1), tmp_path)
    assert status == 413
    assert answer["detail"] == f"the body is larger than {LIMIT} bytes: send it in parts"


@pytest.mark.parametrize("send", CLIENTS)
def test_a_form_with_an_avro_file_restores_it(api, tmp_path, send):
    content, rows = csv_of(3 * MB)
    assert send(api, "/upload/departments", content, tmp_path)[0] == 201
    status, _, saved = api.call("GET", "/backup/departments?codec=null")
    assert (status, len(saved) > MB) == (200, True)
    status, answer = send(api, "/restore/departments?keep=false", saved, tmp_path)
    assert (status, answer["unchanged"], answer["checksum"]) == (200, rows, "verified")


def test_a_large_file_in_a_form_takes_no_more_memory_than_a_small_one(api, tmp_path):
    def most():
        """The most memory that a worker has had, in bytes."""
        told = [Path(f"/proc/{number}/status").read_text() for number in api.workers()]
        return max(int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * KB for text in told)

    send = by_urllib3
    for _ in range(6):
        send(api, "/upload/departments?dry_run=true", csv_of(4 * MB)[0], tmp_path)
    before = most()
    for _ in range(4):
        send(api, "/upload/departments?dry_run=true", csv_of(LIMIT)[0], tmp_path)
    assert most() - before < LIMIT / 2


@pytest.mark.parametrize("where", ["before", "head", "behind"])
def test_a_form_that_is_large_around_its_file_is_refused(api, where):
    extra = {"before": b"", "head": b"", "behind": b"", where: b"x" * 200 * KB}
    body = b"%s\r\n--B\r\nX: %s\r\n" % (extra["before"], extra["head"])
    body += b'Content-Disposition: form-data; name="file"; filename="x"\r\n\r\n1,Law\n\r\n'
    body += b"--B--\r\n" + extra["behind"]
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    status, _, answer = api.call("POST", "/upload/departments?dry_run=true", body, headers)
    assert (status, json.loads(answer)["detail"]) == (
        400,
        "the form has more than 65536 bytes around its file",
    )


FILE = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n1,Law\r\n'
OTHER = FILE.replace(b'"file"', b'"other"')
CUT = "the form is malformed or cut short"
WRONG_FORMS = {
    "no boundary": ("", FILE + b"--B--\r\n", 400, "the form has no boundary"),
    "another boundary": ("; boundary=C", FILE + b"--B--\r\n", 400, CUT),
    "cut in the file": ("; boundary=B", FILE, 400, CUT),
    "cut in the head": ("; boundary=B", FILE[:30], 400, CUT),
    "cut before its end": ("; boundary=B", FILE + b"--B", 400, CUT),
    "a part without a name": ("; boundary=B", b"--B\r\n\r\n1,Law\r\n--B--\r\n", 400, CUT),
    "another part": (
        "; boundary=B",
        OTHER + b"--B--\r\n",
        422,
        "the form has the part 'other': send 'file' alone",
    ),
    "two files": ("; boundary=B", FILE + FILE + b"--B--\r\n", 422, "the form has more than one part 'file'"),
    "no part": ("; boundary=B", b"--B--\r\n", 422, "the form has no part 'file' with a file"),
}


@pytest.mark.parametrize("what", WRONG_FORMS)
def test_a_form_that_is_wrong_is_refused_and_nothing_of_it_kept(api, what):
    boundary, body, expected, detail = WRONG_FORMS[what]
    headers = {"Content-Type": f"multipart/form-data{boundary}"}
    status, _, answer = api.call("POST", "/upload/departments", body, headers)
    assert (status, json.loads(answer)["detail"]) == (expected, detail)
    assert json.loads(api.call("GET", "/departments?total=true")[2])["total"] == 0
