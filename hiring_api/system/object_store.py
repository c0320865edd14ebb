"""Objects in S3, or in a store that speaks as S3 does. Opens one, and says in a sentence what went wrong.

AWS's own variables say where it is and who asks: keys in the environment, a web identity's token, the role of
an ECS task, the keys of a profile in `~/.aws`, or else the role of the EC2 instance.
"""

from __future__ import annotations

import os
import re
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ClientConfig, S3Config, S3Store

_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{3,255}")
_RETRIES: Final = 4  # after 0.1, 0.2, 0.4 and 0.8 s
_RETRY_TIMEOUT: Final = timedelta(seconds=30)
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_READ_TIMEOUT: Final = timedelta(seconds=60)  # without a byte
_REQUEST_TIMEOUT: Final = timedelta(hours=12)  # one request is a whole download

# What object_store itself takes credentials from, before it asks the EC2 instance
_OTHER_CREDENTIALS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)

_NO_CREDENTIALS: Final = "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_UNKNOWN: Final = "S3 does not take the credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_FORBIDDEN: Final = "the credentials do not allow it: they need to list the bucket and read its objects"
_AWAY: Final = "no S3 can be reached: check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION"
_SETTINGS: Final = "AWS's settings do not work: check AWS_ENDPOINT_URL, AWS_PROFILE and AWS_DEFAULT_REGION"
_REGION: Final = "the bucket is in another region: set AWS_DEFAULT_REGION"
_NO_KEYS: Final = (
    "the AWS profile has no keys: the command `aws configure export-credentials --format env` prints them"
)
# What S3 answers: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_BY_CODE: Final = {
    "NoSuchBucket": "there is no such bucket: check its name and AWS_ENDPOINT_URL",
    "InvalidAccessKeyId": _UNKNOWN,
    "SignatureDoesNotMatch": _UNKNOWN,
    "InvalidToken": _UNKNOWN,
    "ExpiredToken": "the credentials have expired: get new ones",
    "AccessDenied": _FORBIDDEN,
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
}
# Words of object_store's messages. Where credentials are asked for comes first: S3 was not asked then
_BY_WORDS: Final = (
    ("/latest/api/token", _NO_CREDENTIALS),
    ("/latest/meta-data", _NO_CREDENTIALS),
    ("Missing AccessKeyId", _NO_CREDENTIALS),
    ("Missing SecretAccessKey", _NO_CREDENTIALS),
    ("without LOCATION", _REGION),
    (
        "invalid peer certificate",
        "its certificate is not trusted: AWS_CA_BUNDLE may name those to trust",
    ),
    ("403 Forbidden", _FORBIDDEN),
    ("HTTP error", _AWAY),
)


class ObjectStoreError(Exception):
    """S3 did not do what was asked. The text says why and what to do; it holds no secret."""


class NoSuchObject(ObjectStoreError):
    """There is no object of this name, or no such bucket."""


class NotAllowed(ObjectStoreError):
    """The credentials are right, and do not allow it. S3 says so also of what is not there and not listed."""


class NoSuchBucket(NoSuchObject):
    """There is no bucket of this name."""


def is_s3(address: str) -> bool:
    """True if `address` begins with `s3://`."""
    return address.startswith("s3://")


def split_address(address: str) -> tuple[str, str]:
    """The bucket and the key (or prefix) of `s3://bucket/key`, the key without slashes at its ends.

    Raises:
        ValueError: it names no bucket.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{address} names no bucket: it must look like s3://bucket/prefix")
    return bucket, key.strip("/")


def open_bucket(bucket: str) -> S3Store:
    """A client of a bucket. Nothing is sent yet.

    Raises:
        ObjectStoreError: AWS's variables do not work, or there are no credentials.
    """
    from obstore.store import S3Store

    # An empty setting counts as not set, as everywhere in this program; obstore would take it
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    config, client = _endpoint_settings()
    config |= _profile_settings()
    with explained():
        return S3Store(
            bucket,
            config=config,
            client_options=client,
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_TIMEOUT},
        )


def _endpoint_settings() -> tuple[S3Config, ClientConfig]:
    """Return the settings of the S3 client and its HTTP connection, from AWS's variables."""
    config: S3Config = {"disable_bulk_delete": True}  # not all stores that speak as S3 does have it
    client: ClientConfig = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "read_timeout": _READ_TIMEOUT,
        "timeout": _REQUEST_TIMEOUT,
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        # obstore panics, instead of raising an error, on what is no address
        try:
            parts = urlsplit(endpoint)
            right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            right = False
        if not right:
            raise ObjectStoreError(_SETTINGS)
        config["endpoint"] = endpoint.rstrip("/")
        client["allow_http"] = endpoint.startswith("http://")
    if trusted := os.environ.get("AWS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"):
        try:
            client["root_certificate"] = Path(trusted).read_bytes()
        except OSError:
            raise ObjectStoreError(
                "the file that AWS_CA_BUNDLE or SSL_CERT_FILE names cannot be read"
            ) from None
    return config, client


def _profile_settings() -> S3Config:
    """The region and the keys of the profile in `~/.aws`, which object_store does not read.

    Keys of the environment, and a role that it names, come first. A profile without keys, of single sign-on
    for example, is refused only if AWS_PROFILE names it.
    """
    named = os.environ.get("AWS_PROFILE")
    profile = named or "default"
    section = profile if profile == "default" else f"profile {profile}"
    found = _aws_section("AWS_CONFIG_FILE", "~/.aws/config", section)
    found |= _aws_section("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile)
    if named and not found:
        raise ObjectStoreError(_SETTINGS)
    config: S3Config = {}
    if "region" in found and not any(map(os.environ.get, ("AWS_REGION", "AWS_DEFAULT_REGION"))):
        config["region"] = found["region"]
    if any(map(os.environ.get, _OTHER_CREDENTIALS)):
        return config
    if "aws_access_key_id" in found and "aws_secret_access_key" in found:
        config["access_key_id"] = found["aws_access_key_id"]
        config["secret_access_key"] = found["aws_secret_access_key"]
        if "aws_session_token" in found:
            config["session_token"] = found["aws_session_token"]
    elif named:
        raise ObjectStoreError(_NO_KEYS)
    elif os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise ObjectStoreError(_NO_CREDENTIALS)
    return config


def _aws_section(variable: str, usual: str, section: str) -> dict[str, str]:
    """A section of one of AWS's files; {} where there is none."""
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read(Path(os.environ.get(variable) or usual).expanduser(), encoding="utf-8")
    except (OSError, RuntimeError, ConfigError, UnicodeDecodeError):  # RuntimeError: nobody knows our home
        raise ObjectStoreError(_SETTINGS) from None
    return dict(parser[section]) if parser.has_section(section) else {}


@contextmanager
def explained() -> Iterator[None]:
    """Turn obstore's errors into ObjectStoreError.

    The cause is dropped: obstore's messages are a page long and show whole requests.
    """
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        reason = _reason(error)
        if _code(error) == "NoSuchBucket":
            raise NoSuchBucket(reason) from None
        if isinstance(error, FileNotFoundError):
            raise NoSuchObject("there is nothing under this name") from None
        raise (NotAllowed if reason == _FORBIDDEN else ObjectStoreError)(reason) from None


def pieces(bucket: S3Store, key: str) -> Iterator[bytes]:
    """The bytes of an object, in pieces of some 10 MB. A download that was cut off is gone on with.

    Raises:
        NoSuchObject: there is none of this name.
        ObjectStoreError: it may not be read, or ended early.
    """
    with explained():
        found = iter(bucket.get(key))
    while True:
        with explained():  # around S3 alone: what the caller does with a piece has errors of its own
            piece = next(found, None)
        if piece is None:
            return
        yield piece


def _code(error: Exception) -> str:
    """The code in S3's answer, or ""."""
    found = re.search(r"<Code>(\w+)</Code>", str(error))
    return found[1] if found else ""


def _reason(error: Exception) -> str:
    """Return a sentence: what is wrong and, if known, what to do about it."""
    code, text = _code(error), str(error)
    if code in _BY_CODE:
        return _BY_CODE[code]
    for words, sentence in _BY_WORDS:
        if words in text:
            return sentence
    status = re.search(r"status code: (\d{3})", text)
    if code or status:
        return f"S3 answered {code or (status and status[1])}"
    if "path" in text.lower():
        return "names with an empty part, . or .. between slashes cannot be read"
    return _SETTINGS
