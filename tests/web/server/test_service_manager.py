"""The API under a service manager: it is told of the start and the end, and SIGTERM loses no request."""

import base64
import json
import re
import shutil
import signal
import socket
import subprocess

import pytest

from tests.pages import DOCS
from tests.serving import Serving

TOKEN = base64.b64encode(b"u:p").decode()


def test_it_tells_of_its_start_and_end_and_answers_what_is_under_way(engine, database_url, root, tmp_path):
    url = database_url.render_as_string(hide_password=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        with Serving(root, url, tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as api:
            assert manager.recv(1000).splitlines()[0] == b"READY=1"
            body = json.dumps([{"job": "Clerk"}]).encode()
            head = (
                "POST /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Authorization: Basic {TOKEN}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", api.port), timeout=60) as client:
                client.sendall(head.encode())
                assert client.recv(1000).startswith(b"HTTP/1.1 100 ")  # the head is here, the body awaited
                api.process.send_signal(signal.SIGTERM)
                assert manager.recv(1000) == b"STOPPING=1"
                client.sendall(body)
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 201 ")
            assert api.process.wait(60) == 0
            manager.setblocking(False)
            with pytest.raises(BlockingIOError):
                manager.recv(1000)
            api.process = None


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units_of_the_page(tmp_path):
    page = (DOCS / "installation.md").read_text(encoding="utf-8")
    units = re.findall(r"^# /etc/systemd/system/(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in units] == ["hiring-api.service", "hiring-backup.service"]
    for name, text in units:
        unit = tmp_path / name
        # What a machine without the installation lacks
        unit.write_text(text.replace("User=hiring\n", "").replace("/srv/hiring/venv/bin/python", "/bin/true"))
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
        )
        of_ours = [line for line in checked.stderr.splitlines() if name in line]
        assert of_ours == []
