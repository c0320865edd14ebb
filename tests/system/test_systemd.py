"""What the service manager is told, with a socket of our own in its place."""

import secrets
import socket

import pytest

from hiring_api.system.systemd import READY, notify


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_a_state_is_one_datagram(tmp_path, monkeypatch, kind):
    name = str(tmp_path / "notify") if kind == "file" else f"@{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify(READY)
        notify("STATUS=é")
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", "STATUS=é".encode()]


@pytest.mark.parametrize("name", [None, "", "/nowhere/notify", "x" * 200])
def test_without_a_service_manager_nothing_happens(monkeypatch, name):
    if name is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify(READY)
