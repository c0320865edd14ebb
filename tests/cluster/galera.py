"""A private cluster of three Galera nodes; `Galera().fault("kill", 1)` kills the first.

As a program, `python -m tests.cluster.galera` installs Galera from the system's packages if it is missing and
that is possible. Without it, it says that the tests of clusters cannot run, and with REQUIRE_GALERA=1 ends
with 1.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymysql
from pymysql.constants import CR
from sqlalchemy.engine import make_url

from tests.packages import apt_get, take
from tests.server import PACKAGES, NoServer, Server, _free_port, installed

LIBRARY = Path("/usr/lib/galera/libgalera_smm.so")
# By which nodes copy their data. They are in the package of MariaDB that would start a service as well
SCRIPTS = Path(__file__).parent.parent.parent / ".local" / "galera"
_SCRIPTS = [f"usr/bin/wsrep_sst_{name}" for name in ("rsync", "common")]
os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{SCRIPTS}"


def missing():
    """What keeps Galera from running here, or None."""
    if "mariadbd" not in str(installed()):
        return "mariadbd is not installed"
    if not LIBRARY.exists():
        return "Galera is not installed (Debian's package galera-4)"
    absent = [name for name in ("rsync", "lsof", "wsrep_sst_rsync") if shutil.which(name) is None]
    return f"{absent[0]}, by which nodes copy their data, is not installed" if absent else None


# What is done to a node by a statement of an administrator: it is cut off from the other nodes, though not
# from its clients, and connected again; it is shut down in order
BY_STATEMENT = {
    "cut": "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'",
    "mend": "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'",
    "stop": "SHUTDOWN",
}


def by_statement(url, word):
    """Does one of BY_STATEMENT to the node at `url`; returns when one that stops has stopped."""
    address = make_url(url)
    account = {"host": address.host, "port": address.port or 3306, "connect_timeout": 5, "read_timeout": 30}
    account |= {"user": address.username, "password": address.password}
    with pymysql.connect(**account) as connection, connection.cursor() as cursor:
        cursor.execute(BY_STATEMENT[word])
    deadline = time.monotonic() + 60
    while word == "stop" and time.monotonic() < deadline:
        try:
            pymysql.connect(**account).close()
        except pymysql.Error as error:
            if error.args[0] == CR.CR_CONN_HOST_ERROR:
                time.sleep(1)  # for its last files
                return
        time.sleep(0.1)


def is_galera(urls):
    """True if the first node that answers is one of Galera."""
    for url in urls:
        address = make_url(url)
        account = {"host": address.host, "port": address.port or 3306, "connect_timeout": 5}
        account |= {"user": address.username, "password": address.password}
        try:
            with pymysql.connect(**account) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW STATUS LIKE 'wsrep_cluster_state_uuid'")
                return bool((cursor.fetchone() or ("", ""))[1])
        except pymysql.Error:
            continue
    raise NoServer("no node answers")


class Node(Server):
    """A node: `ports` are those of the group, of which `number` counts from 1."""

    def __init__(self, number, ports, password):
        super().__init__()
        self.number, self.password = number, password
        mine, increments, copies = ports[number - 1]
        members = ",".join(f"127.0.0.1:{port}" for port, *_ in ports)
        addresses = f"gmcast.listen_addr=tcp://127.0.0.1:{mine};ist.recv_addr=127.0.0.1:{increments}"
        self.options = [
            "--wsrep-on=ON",
            f"--wsrep-provider={LIBRARY}",
            "--wsrep-cluster-name=tests",
            f"--wsrep-node-name=n{number}",
            f"--wsrep-node-address=127.0.0.1:{mine}",
            f"--wsrep-cluster-address=gcomm://{members}",
            f"--wsrep-provider-options={addresses};gcache.size=256M",
            "--wsrep-sst-method=rsync",
            # Else one port of the machine, which another cluster of the tests may have
            f"--wsrep-sst-receive-address=127.0.0.1:{copies}",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            # A node without memory for the locks of a large restore leaves the others
            "--innodb-buffer-pool-size=512M",
        ]
        self._settled = list(self.options)

    def found(self):
        """Creates the data, and starts as the first of a new cluster."""
        self._create()
        self.options = [*self._settled, "--wsrep-new-cluster"]
        self.start()
        self.options = self._settled

    def _give_to_nobody(self):
        """What root's rsync receives it writes as nobody, over what the server wrote as root before."""
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def join(self):
        """Starts, and returns when it has caught up with the others."""
        if not (self.folder / "data").exists():
            self._create()
        for attempt in range(3):  # one that joins dies now and then, and is started again, as by systemd
            self.options = [*self._settled, *self._position()]
            self._give_to_nobody()
            try:
                self.start()
            except NoServer:
                self.kill()
                if attempt == 2:
                    raise
            else:
                break
        deadline = time.monotonic() + 60
        while self.state() != "Synced":
            if time.monotonic() > deadline:
                raise NoServer(f"node {self.number} does not catch up:\n{self._log()}")
            time.sleep(0.2)

    def state(self):
        """The node's own word for how it stands to the others; "" where it gives none."""
        try:
            with (
                pymysql.connect(
                    host="127.0.0.1", port=self.port, user="tester", password=self.password, connect_timeout=3
                ) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SHOW STATUS LIKE 'wsrep_local_state_comment'")
                return (cursor.fetchone() or ("", ""))[1]
        except pymysql.Error:
            return ""

    def _position(self):
        """Where a node that was killed left off: it gets what it has missed, instead of all."""
        from tests.server import _OPTIONS, _as_root

        where = [f"--datadir={self.folder / 'data'}", f"--log-error={self.folder / 'recovery.err'}"]
        command = [self.program, "--no-defaults", *_as_root(), *_OPTIONS, *self._settled, *where]
        subprocess.run([*command, "--wsrep-recover"], check=False, capture_output=True, timeout=60)
        log = self.folder / "recovery.err"
        found = re.findall(r"Recovered position: (\S+:\d+)", log.read_text() if log.exists() else "")
        return [f"--wsrep-start-position={found[-1]}"] if found else []


class Galera:
    """Three nodes. As a context manager they run inside the block and are removed after it."""

    def __init__(self):
        ports = [(_free_port(), _free_port(), _free_port()) for _ in range(3)]
        first = Node(1, ports, "")
        first.password = "galera-tests"  # of a server that lives for the test
        self.nodes = [first, *(Node(number, ports, first.password) for number in (2, 3))]

    def __enter__(self):
        first, *others = self.nodes
        try:
            first.found()
            for node in others:
                node.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception):
        for node in self.nodes:
            if node.process is not None:
                node.process.send_signal(signal.SIGCONT)
            node.remove()

    def urls(self):
        """The address of each node's database."""
        return [node.url() for node in self.nodes]

    def fault(self, word, *number):
        """Does to a node what the word says: kill, stop, start, freeze, thaw, cut, mend; `up` starts all."""
        if word == "up":
            first, *others = self.nodes
            self._begin_again(first)
            for node in others:
                node.join()
            return
        node = self.nodes[number[0] - 1]
        if word == "start":
            node.join()
        elif word in ("kill", "stop"):
            getattr(node, word)()
        elif word in BY_STATEMENT:
            by_statement(node.url(), word)
        else:
            node.process.send_signal({"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}[word])

    def _begin_again(self, node):
        """The first node after all were stopped: it must have been the last one to stop."""
        state = node.folder / "data" / "grastate.dat"
        state.write_text(re.sub(r"safe_to_bootstrap: \d", "safe_to_bootstrap: 1", state.read_text()))
        node.options = [*node._settled, *node._position(), "--wsrep-new-cluster"]
        node.start()
        node.options = node._settled


def main() -> int:
    """Provide Galera; 1 if it is required and missing."""
    if missing():
        said = "Galera is not installed: installing it with apt-get."
        apt_get([[*PACKAGES, "galera-4", "rsync", "lsof"]], said)
        if shutil.which("wsrep_sst_rsync") is None:
            take("mariadb-server", _SCRIPTS, SCRIPTS)
    if why := missing():
        box = f"{'!' * 78}\n! THE TESTS OF CLUSTERS DO NOT RUN: {why}.\n"
        box += "! On Debian: apt-get install mariadb-server galera-4 rsync lsof\n"
        sys.stderr.write(f"{box}{'!' * 78}\n")
        return os.environ.get("REQUIRE_GALERA", "0") not in {"", "0"}
    return 0


if __name__ == "__main__":
    sys.exit(main())
