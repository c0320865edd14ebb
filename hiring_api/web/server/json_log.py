"""gunicorn's log as JSON objects, one for each request among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gunicorn.glogging import Logger

from hiring_api.log_lines import JsonFormatter

if TYPE_CHECKING:
    from datetime import timedelta


class JsonLogger(Logger):
    """What gunicorn's own logger writes, and each request with its route, user, duration and rows."""

    def setup(self, cfg: Any) -> None:
        """Set gunicorn's handlers up, then exchange what makes their lines."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(JsonFormatter())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log a request that was answered."""
        if not self.access_log_enabled:
            return
        headers = {name.lower(): value for name, value in resp.headers}
        status = int(resp.status_code)
        figures = {
            "address": environ.get("REMOTE_ADDR"),
            "user": environ.get("REMOTE_USER"),
            "request_id": headers.get("x-request-id"),
            "method": environ.get("REQUEST_METHOD"),
            "route": environ.get("hiring.route"),
            "status": status,
            "bytes": resp.sent,
            "duration_ms": round(request_time.total_seconds() * 1000, 1),
            "rows": environ.get("hiring.rows"),
        }
        self.access_log.info("%s %s %d", req.method, req.uri, status, extra=figures)
