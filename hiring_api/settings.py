"""Environment -> one frozen `Settings`. What is wrong or ambiguous fails at start, with a sentence."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from ssl import create_default_context
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.engine import URL

from hiring_api import database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
MIB = 1024 * 1024
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST_DAYS = 366
_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class SettingsError(Exception):
    """A setting is missing, wrong or given twice; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of both programs. Sizes are bytes, times are seconds."""

    database_url: URL
    read_url: URL | None
    read_staleness: int
    api_user: str | None
    api_pass: str | None = field(repr=False)
    csv_source: str
    rejects_dir: Path
    backup_dir: str
    backup_keep: int
    backup_keep_days: int | None
    backup_before_replace: bool
    backup_every: timedelta | None
    backup_at: time | None
    max_body: int
    max_upload: int
    head_seconds: int
    body_seconds: int
    answer_seconds: int
    database_wait: float
    idempotency_hours: int
    log_level: str
    log_format: str
    api_host: str
    api_port: int
    api_workers: int
    api_threads: int
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]

    def credentials(self) -> tuple[str, str]:
        """The user and password of HTTP Basic.

        Raises:
            SettingsError: one of them is not set; there is no default.
        """
        if not self.api_user or not self.api_pass:
            raise SettingsError(
                "API_USER and API_PASS (or API_PASS_FILE) must be set: there is no default password"
            )
        return self.api_user, self.api_pass


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environ` (the process's own by default).

    `NAME_FILE` names a file that holds the value of `NAME`, for secrets. An empty value counts as not set.

    Raises:
        SettingsError: a value is missing, not what it should be, or given in two ways.
    """
    values = _Values(os.environ if environ is None else environ)
    if values.text("BACKUP_EVERY") and values.text("BACKUP_AT"):
        raise SettingsError("BACKUP_EVERY and BACKUP_AT are both set: keep one")
    database_url = _database_url(values)
    return Settings(
        database_url=database_url,
        read_url=_read_url(values, database_url),
        read_staleness=values.whole("READ_STALENESS_SECONDS", 5),
        api_user=values.text("API_USER"),
        api_pass=values.text("API_PASS"),
        csv_source=values.text("CSV_SOURCE") or "csv",
        rejects_dir=Path(values.text("REJECTS_DIR") or "rejects"),
        backup_dir=values.text("BACKUP_DIR") or "backups",
        backup_keep=values.whole("BACKUP_KEEP", 30),
        backup_keep_days=values.whole_or_none("BACKUP_KEEP_DAYS"),
        backup_before_replace=values.choice("BACKUP_BEFORE_REPLACE", "YES", ("YES", "NO")) == "YES",
        backup_every=values.parsed("BACKUP_EVERY", interval),
        backup_at=values.parsed("BACKUP_AT", time_of_day),
        max_body=values.whole("MAX_BODY_BYTES", 8 * MIB),
        max_upload=values.whole("MAX_UPLOAD_BYTES", 1024 * MIB),
        head_seconds=values.whole("REQUEST_HEAD_SECONDS", 20),
        body_seconds=values.whole("REQUEST_BODY_SECONDS", 1800),
        answer_seconds=values.whole("ANSWER_STALL_SECONDS", 60),
        idempotency_hours=values.whole("IDEMPOTENCY_HOURS", 24),
        database_wait=values.whole("DATABASE_WAIT_SECONDS", 60),
        log_level=values.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        log_format=values.choice("LOG_FORMAT", "TEXT", ("TEXT", "JSON")).lower(),
        api_host=values.text("API_HOST") or "127.0.0.1",
        api_port=values.whole("API_PORT", 8000, most=65535),
        api_workers=values.whole("API_WORKERS", 2),
        api_threads=values.whole("API_THREADS", 8),
        allowed_hosts=values.hosts("ALLOWED_HOSTS"),
        trusted_proxies=values.networks("TRUSTED_PROXIES"),
    )


def count(text: str, most: int = 2**53) -> int:
    """The whole number from 1 to `most` that a text means.

    Raises:
        ValueError: it means none.
    """
    if not (re.fullmatch("[0-9]{1,16}", text) and 0 < int(text) <= most):
        raise ValueError(f"{text!r} must be a whole number from 1 to {most}")
    return int(text)


def interval(text: str) -> timedelta:
    """The time that a text such as `24h` means: a whole number of seconds, minutes, hours or days.

    Raises:
        ValueError: it means none, or more than a year.
    """
    found = re.fullmatch("([0-9]{1,9})([smhd])", text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < length <= timedelta(days=_MOST_DAYS):
        raise ValueError(f"{text!r} must be a number of seconds, minutes, hours or days, such as 24h or 30m")
    return length


def time_of_day(text: str) -> time:
    """The time of day, in UTC, that a text such as `02:30` means.

    Raises:
        ValueError: it means none.
    """
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"{text!r} must be a time of day in UTC, from 00:00 to 23:59")
    return time.fromisoformat(text)


class _Values:
    """Reads single values; each method raises SettingsError for what it cannot take."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        value, path = self._environ.get(name), self._environ.get(f"{name}_FILE")
        if value and path:
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one")
        if path:
            try:
                return Path(path).read_text(encoding="utf-8").rstrip("\r\n") or None
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}_FILE={path} cannot be read: {error}") from error
        return value or None

    def whole(self, name: str, default: int, most: int = 2**53) -> int:
        value = self.text(name)
        if value is None:
            return default
        try:
            return count(value, most)
        except ValueError as error:
            raise SettingsError(f"{name}={error}") from error

    def whole_or_none(self, name: str) -> int | None:
        return None if self.text(name) is None else self.whole(name, 0)

    def parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        value = self.text(name)
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise SettingsError(f"{name}={error}") from error

    def _several(self, name: str) -> list[str]:
        return [part.strip() for part in (self.text(name) or "").split(",") if part.strip()]

    def hosts(self, name: str) -> tuple[str, ...]:
        hosts = tuple(host.lower() for host in self._several(name))
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise SettingsError(f"{name}: {host!r} must be a host's name, with a port or without")
        return hosts

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        networks = []
        for part in self._several(name):
            try:
                networks.append(ip_network(part))
            except ValueError as error:
                raise SettingsError(f"{name}: {part!r} is no address or network: {error}") from error
        return tuple(networks)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = (self.text(name) or default).upper()
        if value not in choices:
            raise SettingsError(f"{name}={value!r} must be one of {', '.join(choices)}")
        return value


def _database_url(values: _Values) -> URL:
    url = values.text("DATABASE_URL")
    parts = {part: values.text(f"MYSQL_{part.upper()}") for part in ("host", "user", "password", "database")}
    port = values.whole("MYSQL_PORT", 3306, most=65535)
    if url and parts["host"]:
        raise SettingsError("DATABASE_URL and MYSQL_HOST are both set: keep one")
    if not parts["host"]:
        try:
            return _verified(values, database_url.parse(url or "sqlite:///hiring.db"))
        except ValueError as error:
            raise SettingsError(str(error)) from error
    missing = [f"MYSQL_{part.upper()}" for part, value in parts.items() if not value]
    if missing:
        raise SettingsError(f"MYSQL_HOST is set but {', '.join(missing)} is not")
    named = URL.create("mysql+pymysql", parts["user"], parts["password"], database=parts["database"])
    return _verified(values, _on(named, parts["host"], "MYSQL_HOST", port))


def _read_url(values: _Values, url: URL) -> URL | None:
    """The same database on its replicas, if some are named."""
    hosts = values.text("MYSQL_READ_HOST")
    if hosts is None:
        return None
    if url.get_backend_name() == "sqlite":
        raise SettingsError("MYSQL_READ_HOST is for a server: SQLite has none")
    return _on(url, hosts, "MYSQL_READ_HOST", values.whole("MYSQL_PORT", url.port or 3306, most=65535))


def _on(url: URL, hosts: str, name: str, port: int) -> URL:
    try:
        return database_url.on(url, database_url.parse_servers(hosts, name, port))
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _verified(values: _Values, url: URL) -> URL:
    """The same database, with the files of TLS that are set."""
    files = [values.text(f"MYSQL_SSL_{name}") for name in ("CA", "CERT", "KEY")]
    if not any(files):
        return url
    if url.get_backend_name() == "sqlite":
        raise SettingsError("MYSQL_SSL_CA is for a server: SQLite has none")
    authority, certificate, key = files
    if not authority or (key and not certificate):
        raise SettingsError(f"MYSQL_SSL_{'CERT' if authority else 'CA'} must be set as well")
    try:
        context = create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, key)
    except OSError as error:  # missing, unreadable, or no certificate
        raise SettingsError(
            f"what MYSQL_SSL_CA, MYSQL_SSL_CERT and MYSQL_SSL_KEY name cannot be used: {error}"
        ) from error
    return database_url.verified(url, authority, certificate, key)
