"""The whole program on one machine with Python alone: what `make run` does after installing.

Sample data, credentials and the SQLite database are made once, in `.local/`; environment variables that are
set already are left as they are, so that `CSV_SOURCE`, `DATABASE_URL` or `API_PASS` can be one's own.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hiring_api.model.tables import tables
from hiring_api.settings import SettingsError, read_settings
from hiring_api.system import listening

from .commands import GUNICORN

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import TextIO

FOLDER = Path(".local")


def main(environ: MutableMapping[str, str] = os.environ) -> int:
    """Prepare what is missing, load the CSV files, and become gunicorn; return only if that fails.

    The status is 1, or that of the migration job.
    """
    FOLDER.mkdir(exist_ok=True)
    own = environ.get("API_PASS") or environ.get("API_PASS_FILE")
    try:
        _complete(environ)
        settings = read_settings(environ)
        settings.credentials()
        _check_port(settings.api_host, settings.api_port)
    except SettingsError as error:
        sys.stderr.write(f"The hiring API does not start: {error}\n")
        return 1
    status = _load_samples() if settings.csv_source == str(FOLDER / "csv") else _run("migration_job")
    if status:
        return status
    environ["WELCOME"] = "without password" if own else "with password"
    command = [sys.executable, "-m", *GUNICORN]
    return os.execve(sys.executable, command, {**environ})  # noqa: S606  # Ctrl-C is its alone


def _complete(environ: MutableMapping[str, str]) -> None:
    """Set what has no value yet."""
    if not environ.get("API_PASS_FILE"):
        for name, value in credentials(FOLDER / "credentials").items():
            environ[name] = environ.get(name) or value
    environ["CSV_SOURCE"] = environ.get("CSV_SOURCE") or str(FOLDER / "csv")
    if not environ.get("DATABASE_URL") and not environ.get("MYSQL_HOST"):
        environ["DATABASE_URL"] = f"sqlite:///{FOLDER / 'hiring.db'}"


def credentials(path: Path) -> dict[str, str]:
    """The user and password in the file at `path`; it is written first, for its owner alone, if missing."""
    if not path.exists():
        # Complete under another name first: a start that is interrupted here leaves no half a password
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"API_USER=hiring\nAPI_PASS={secrets.token_urlsafe(18)}\n")
        part.replace(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def _check_port(host: str, port: int) -> None:
    """Require an address that gunicorn can listen on.

    Raises:
        SettingsError: it cannot.
    """
    if error := listening.failure(host, port):
        choice = f"; choose one: make run PORT={port % 65535 + 1}" if listening.is_taken(error) else ""
        raise SettingsError(f"{listening.in_words(host, port, error)}{choice}")


def _load_samples() -> int:
    """Make the sample data if any file is missing, and load them; return an exit status.

    The log of the refused rows is for a file: a newcomer would take seventy warnings for a failure.
    """
    folder, log = FOLDER / "csv", FOLDER / "migration.log"
    if not all((folder / f"{table.name}.csv").exists() for table in tables()):
        status = _run("migration_job.samples", str(folder))
        if status:
            return status
    with log.open("w", encoding="utf-8") as file:
        status = _run("migration_job", log=file)
    if status:
        sys.stderr.write(log.read_text(encoding="utf-8"))
    return status


def _run(*module: str, log: TextIO | None = None) -> int:
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, check=False, stderr=log).returncode  # noqa: S603  # our own


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
