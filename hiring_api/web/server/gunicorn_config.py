"""How gunicorn serves the API: `gunicorn -c python:hiring_api.web.server.gunicorn_config`.

Wrong settings end it here, before a worker starts, with one sentence. So does a database file that does not
exist: a request would make an empty one. Without a reverse proxy of its own machine in front, nobody's
`X-Forwarded-…` headers are believed (gunicorn's default).
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from typing import Any

from hiring_api.database.dialects import dialect_of
from hiring_api.log_lines import log_json, say
from hiring_api.settings import SettingsError, read_settings
from hiring_api.system import listening
from hiring_api.system.systemd import STOPPING, notify
from hiring_api.system.temp_files import ScratchFolder

from .welcome import welcome

_PORT_SECONDS = 5  # an API that ends just now, and is started again, has so long to leave the port

try:
    _settings = read_settings()
    _user, _password = _settings.credentials()
except SettingsError as error:
    say(f"The hiring API does not start: {error}")
    sys.exit(1)
_url = _settings.database_url
if not dialect_of(_url).may_exist(_url):
    say(
        f"The hiring API does not start: there is no database {_url.database}: DATABASE_URL names the one to "
        "serve; `python -m hiring_api migrate` makes an empty one, the migration job one with rows"
    )
    sys.exit(1)

# gunicorn would say so a dozen times. A socket that it is handed, by systemd or the process before, is there
_handed = {"LISTEN_FDS", "GUNICORN_FD"} & os.environ.keys()
if not _handed and (_error := listening.failure(_settings.api_host, _settings.api_port, _PORT_SECONDS)):
    _wrong = listening.in_words(_settings.api_host, _settings.api_port, _error)
    say(f"The hiring API does not start: {_wrong}: set API_HOST and API_PORT to an address that is free")
    sys.exit(1)

wsgi_app = "hiring_api.web.app:create_app()"
_host = f"[{_settings.api_host}]" if ":" in _settings.api_host else _settings.api_host
bind = [f"{_host}:{_settings.api_port}"]
workers = _settings.api_workers
threads = _settings.api_threads
worker_class = "hiring_api.web.server.worker.Worker"
# A worker is replaced when it says nothing for this long. Its threads do the work, so that a restore may
# take as long as it needs.
timeout = 120
# Below the 30 s after which docker-compose.yml lets Docker kill the container
graceful_timeout = 25
# A connection takes a file descriptor, and its request another one while its body is on disk
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
_files = min(_most_files, 65536) if _most_files != resource.RLIM_INFINITY else 65536
resource.setrlimit(resource.RLIMIT_NOFILE, (_files, _most_files))
worker_connections = max(100, min(10_000, (_files - 200) // 2))
# Above the idle times of common proxies, which would otherwise send a request into a closing connection
keepalive = 75
# Workers show that they are alive by touching a file: on a disk that can block for seconds
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a name is made there
control_socket_disable = True  # it would be written into the home folder, which may be read-only
if _settings.log_format == "json":
    logger_class = "hiring_api.web.server.json_log.JsonLogger"
    log_json()
accesslog = "-"
errorlog = "-"
# The user is the one whose password was right; what else was sent as a name is not logged
access_log_format = '%(h)s %({remote_user}e)s "%(r)s" %(s)s %(b)s bytes %(M)s ms [%({x-request-id}o)s]'


# Where the workers count for /health/metrics; prometheus_client reads it when it is first imported, which
# must therefore not be above
_counts = None
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _counts = ScratchFolder("hiring-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_counts.path)


def on_exit(_server: Any) -> None:
    """Remove what the workers counted. Not by `atexit`: forked workers would run that as well."""
    if _counts:
        _counts.close()


def post_worker_init(_worker: Any) -> None:
    """Keep Python's search for cycles away from the program itself, which is never garbage.

    Its 170,000 objects took 0.2 to 0.4 s to look through, while no request went on; a thousand refused rows
    set this off at every tenth request or so. And it begins after 50,000 new objects instead of 700: those of
    a batch are gone with its request, and looking through them took a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def child_exit(_server: Any, worker: Any) -> None:
    """Drop what a worker that has gone counted of its present state."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def when_ready(_server: Any) -> None:
    """Say how to call the API, for whoever started it by hand; the socket takes calls by now.

    The service manager was told so by gunicorn. That it stops gunicorn does not tell, and has no hook for.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        _tell_before(number)
    if told := os.environ.get("WELCOME"):
        address = bind[0].replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # one that every client can call
        sys.stdout.write(welcome(f"http://{address}", _user, _password if told == "with password" else None))
        sys.stdout.flush()


def _tell_before(number: int) -> None:
    """Tell the service manager that the API stops, before gunicorn's master does what the signal asks for."""
    stop: Any = signal.getsignal(number)
    master = os.getpid()

    def tell_and_stop(number: int, frame: Any) -> None:
        if os.getpid() == master:  # a worker has this handler for a moment after it was forked
            notify(STOPPING)
        stop(number, frame)

    signal.signal(number, tell_and_stop)
