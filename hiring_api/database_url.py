"""The address of the database as a URL: of one server or of several, and what proves who a server is.

Several servers are the URL's parameters `host`, each `name:port`, as SQLAlchemy has it for other databases.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORT: Final = 3306
_SERVER: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\[\]:\s]+))(?::([0-9]{1,5}))?")
# Scheme, account, servers with a comma between them, and the rest
_SEVERAL: Final = re.compile(r"([A-Za-z0-9+]+://)((?:[^@/?]*@)?)([^@/?]*,[^@/?]*)((?:[/?].*)?)", re.DOTALL)
_SHAPE: Final = "DATABASE_URL must look like mysql://user:pass@host/database"


class Server(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str) -> URL:
    """The URL in a setting: `mysql://user:pass@a,b:3307,[::1]/database`, `mariadb://…` or `sqlite:///file`.

    Raises:
        ValueError: it is something else; the message says what is wrong.
    """
    several = _SEVERAL.fullmatch(text)
    try:
        url = make_url("".join(several.group(1, 2, 4)) if several else text)
    except (ArgumentError, ValueError) as error:  # a port that is no number
        raise ValueError(_SHAPE) from error
    backend = url.get_backend_name()
    if backend not in ("mysql", "mariadb", "sqlite"):
        raise ValueError(f"DATABASE_URL names {backend}: it must be mysql, mariadb or sqlite")
    if not url.database:
        raise ValueError("DATABASE_URL must name a database (or, for SQLite, a file)")
    if backend == "sqlite":
        # Absolute, because Flask-SQLAlchemy would look for a relative file in a folder of its own
        return url.set(drivername="sqlite", database=str(Path(url.database).resolve()))
    url = url.set(drivername="mysql+pymysql")
    return on(url, parse_servers(unquote(several[3]), "DATABASE_URL", url.port or _PORT)) if several else url


def parse_servers(text: str, name: str, port: int = _PORT) -> list[Server]:
    """The servers in a list such as `a,b:3307,[::1]:3308`, in their order.

    Args:
        text: the list; one address of IPv6 alone needs no brackets.
        name: the setting, for the message.
        port: of servers that name none.

    Raises:
        ValueError: a server is not named as it should be.
    """
    if text.count(":") > 1 and not set("[],") & set(text):
        text = f"[{text}]"
    servers = []
    for part in text.split(","):
        found = _SERVER.fullmatch(part.strip())
        its = int(found[3] or port) if found else 0
        if found is None or not 0 < its < 2**16:
            raise ValueError(f"{name}: {part.strip()!r} must be a server's name, with a port or without")
        servers.append(Server(found[1] or found[2], its))
    return list(dict.fromkeys(servers))


def on(url: URL, servers: Sequence[Server]) -> URL:
    """The same database on these servers."""
    one = servers[0] if len(servers) == 1 else None
    rest = url.difference_update_query(["host"])
    if one is not None:
        return rest.set(host=one.host, port=one.port)
    bare = URL.create(rest.drivername, rest.username, rest.password, database=rest.database, query=rest.query)
    return bare.update_query_dict({"host": [str(server) for server in servers]})


def servers_of(url: URL) -> list[Server]:
    """The servers of a URL, if there are several; else none."""
    named = url.query.get("host", ())
    return parse_servers(",".join([named] if isinstance(named, str) else named), "host") if named else []


def verified(url: URL, authority: str | None, certificate: str | None, key: str | None) -> URL:
    """The same servers, of which each must prove who it is; the arguments are paths of PEM files.

    Args:
        url: the database.
        authority: the certificate that signed those of the servers; None where nothing is verified.
        certificate: what this program proves itself with, if the servers want that.
        key: of the certificate, if it is not in the same file.
    """
    files = {"ssl_ca": authority, "ssl_cert": certificate, "ssl_key": key}
    return url.update_query_dict({name: path for name, path in files.items() if path})
