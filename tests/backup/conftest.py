"""The places where backups are kept, and what is in them."""

import secrets

import pytest

from hiring_api.backup import catalogue
from hiring_api.backup.file_store import open_store


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    """A local folder, and a bucket of an S3-speaking server."""
    if request.param == "folder":
        return open_store(str(tmp_path / "kept"))
    bucket = f"kept-{secrets.token_hex(8)}"
    request.getfixturevalue("s3").create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/backups")


def names(store):
    """The names of the kept backups, the newest first."""
    return [kept.name for kept in catalogue.listed(store)]
