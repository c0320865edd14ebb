"""Debian's packages for the tests: installed by apt-get, or some files taken out of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def apt_get(choices, said):
    """Install packages, as root or where sudo asks for no password; True if that was done.

    The first of `choices`, which are lists of packages, that can be installed is. `said` is told before.
    """
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") is None or (sudo and shutil.which("sudo") is None):
        return False
    if sudo and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode:
        return False
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    subprocess.run([*apt, "update"], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    for packages in choices:
        command = [*apt, "install", "-y", "--no-install-recommends", *packages]
        if not subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode:
            return True
    return False


def take(package, files, into):
    """Put some files of a package into the folder `into`, without installing it; False if that is impossible.

    So none of the package's services starts. `files` are paths within it, such as `usr/bin/promtool`.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt-get loads as another user
        command = ["apt-get", "-qq", "download", package]
        subprocess.run(command, cwd=folder, stdout=sys.stderr, stderr=subprocess.DEVNULL, check=False)
        packages = list(folder.glob(f"{package}_*.deb"))
        if not packages:
            return False
        content = folder / "content.tar"
        with content.open("wb") as tar:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", packages[0]], stdout=tar, check=True)
        into.mkdir(parents=True, exist_ok=True)
        with tarfile.open(content) as tar:
            for file in files:
                tar.extract(f"./{file}", folder, filter="data")
                shutil.move(folder / file, into / Path(file).name)
    return True
