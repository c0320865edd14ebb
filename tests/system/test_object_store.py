"""S3: which of AWS's settings are taken, what is sent and read, and what is said when it fails."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager

import pytest

from hiring_api.backup.file_store import open_store
from hiring_api.errors import InvalidFile, StorageUnavailable
from hiring_api.system.object_store import NotAllowed, ObjectStoreError, explained, open_bucket, pieces
from migration_job.sources.s3 import from_s3, list_s3

MIB = 1024 * 1024
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


@pytest.fixture
def bucket(s3):
    """The name of a bucket with one object, `a/b.csv`."""
    s3.create_bucket(Bucket="settings")
    s3.put_object(Bucket="settings", Key="a/b.csv", Body=b"1,Sales\n")
    return "settings"


@pytest.fixture
def profiles(monkeypatch, tmp_path):
    """Writes the two files of `~/.aws`; the environment itself has no credentials."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def write(credentials="", config=""):
        (tmp_path / "credentials").write_text(credentials, encoding="utf-8")
        (tmp_path / "config").write_text(config, encoding="utf-8")

    return write


def read(bucket):
    return b"".join(pieces(open_bucket(bucket), "a/b.csv"))


KEYS = "aws_access_key_id = test\naws_secret_access_key = te%st\n"


@pytest.mark.parametrize("name", [None, "default", "reports"])
def test_keys_and_region_of_a_profile_are_taken(bucket, profiles, monkeypatch, name):
    section = name or "default"
    profiles(
        f"[{section}]\n{KEYS}", f"[profile {section}]\nregion = eu-west-1\n[default]\nregion = eu-west-1\n"
    )
    if name:
        monkeypatch.setenv("AWS_PROFILE", name)
    assert read(bucket) == b"1,Sales\n"
    assert open_bucket(bucket).config["region"] == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert open_bucket(bucket).config.get("region") != "eu-west-1"


def test_a_profile_without_keys_says_how_to_get_them(bucket, profiles, monkeypatch):
    profiles(config="[profile reports]\nsso_session = company\n")
    monkeypatch.setenv("AWS_PROFILE", "reports")
    with pytest.raises(ObjectStoreError, match="`aws configure export-credentials --format env` prints them"):
        open_bucket(bucket)


@pytest.mark.parametrize("content", ["no section\n", "[default\n", "[a]\nx\n"])
def test_a_damaged_profile_is_one_sentence(bucket, profiles, content):
    profiles(content)
    with pytest.raises(ObjectStoreError, match=r"^AWS's settings do not work"):
        open_bucket(bucket)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_of_keys_is_none(bucket, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(ObjectStoreError, match=r"^there are no credentials"):
        read(bucket)


def test_empty_variables_count_as_not_set(bucket, monkeypatch):
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, "")
    assert read(bucket) == b"1,Sales\n"


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://127.0.0.1", "http://", "http://[::1", "http://h:x"])
def test_an_endpoint_that_is_no_address_is_one_sentence(bucket, monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ObjectStoreError, match=r"^AWS's settings do not work"):
        read(bucket)


def test_names_that_need_quoting_are_read(s3, bucket, tmp_path):
    keys = ["q/a b.csv", "q/ñ (1)~%20.csv", "q/x+y=z&?#.csv"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    found = list_s3(f"s3://{bucket}/q")
    assert found == sorted(f"s3://{bucket}/{key}" for key in keys)
    for address in found:
        from_s3(address, tmp_path / "copy")
        assert (tmp_path / "copy").read_text(encoding="utf-8") == address.removeprefix(f"s3://{bucket}/")


@pytest.mark.parametrize("key", ["a//b.csv", "a/../b.csv"])
def test_a_name_that_cannot_be_asked_for_is_one_sentence(bucket, key):
    with pytest.raises(InvalidFile, match="cannot be read: names with an empty part"):
        list_s3(f"s3://{bucket}/{key}")


def test_a_file_of_several_parts_is_stored_and_read(s3, bucket):
    store = open_store(f"s3://{bucket}/large")
    content = os.urandom(MIB)

    def write(file):
        for number in range(40):
            file.write(number.to_bytes(4, "big") + content)

    store.put("40.zip", write)
    assert s3.head_object(Bucket=bucket, Key="large/40.zip")["ETag"].endswith('-6"')  # parts of 8 MiB
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    with store.open("40.zip") as file:
        for number in range(40):
            assert file.read(4 + MIB) == number.to_bytes(4, "big") + content
        assert file.read() == b""


@contextmanager
def answering(*answers):
    """A server that sends these bytes, one answer a connection, the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            number = 0
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    client.sendall(answers[min(number, len(answers) - 1)])
                number += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "x"\r\nLast-Modified: Sat, 21 Nov 2026 19:00:00 GMT\r\n'
)
CUT = HEAD + b"Connection: close\r\n\r\n" + b"1,Sales\n"


def test_a_download_that_is_cut_off_is_noticed(s3, monkeypatch, tmp_path):
    with answering(CUT) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(InvalidFile) as error:
            from_s3("s3://bucket/departments.csv", tmp_path / "copy")
        assert "s3://bucket/departments.csv cannot be read: " in error.value.message
        with pytest.raises(StorageUnavailable, match="cannot be reached"):
            open_store("s3://bucket/backups").open("x.zip")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n", "S3 answered 501"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "the credentials do not allow it"),
        (b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", "the bucket is in another region"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no S3 can be reached"),
    ],
)
def test_other_answers_are_one_sentence_without_secrets(s3, monkeypatch, answer, sentence):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    with answering(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(ObjectStoreError) as error, explained():
            open_bucket("bucket").list_with_delimiter("x")
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
    assert isinstance(error.value, NotAllowed) == answer.startswith(b"HTTP/1.1 403")
