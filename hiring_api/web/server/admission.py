"""Which bodies are worth waiting for: those of callers who may call, up to the limits.

What is not admitted is answered by the application without its body, and its connection is closed: nobody
without the password can fill memory or disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiring_api.web.http.auth import Credentials
from hiring_api.web.http.uploaded_file import AROUND

if TYPE_CHECKING:
    from hiring_api.settings import Settings

_TAKE_FILES = ("/upload/", "/restore/")


class Admission:
    """Decides about requests whose heads have come, before any of their bodies is waited for."""

    def __init__(self, settings: Settings) -> None:
        self._credentials = Credentials(*settings.credentials())
        self._most_file = settings.max_upload + AROUND
        self._most = settings.max_body

    def most_body(self, request: Any) -> int | None:
        """How many bytes the body of gunicorn's `request` may have; None if it is not waited for."""
        sent = [value for name, value in request.headers if name == "AUTHORIZATION"]
        if not self._credentials.are_in(",".join(sent)):
            return None
        return self._most_file if request.path.startswith(_TAKE_FILES) else self._most
