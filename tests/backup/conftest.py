"""The places where backups are kept."""

import secrets

import pytest

from hiring_api.backup.file_store import open_store


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    """A local folder, and a bucket of an S3-speaking server."""
    if request.param == "folder":
        return open_store(str(tmp_path / "kept"))
    bucket = f"kept-{secrets.token_hex(8)}"
    request.getfixturevalue("s3").create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/backups")
