"""`docker-compose.cluster.yml`: its parts agree with each other, and with what the programs read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "cluster"
SERVERS, REPLICAS = ["db1", "db2", "db3"], ["api1", "api2"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def services(file="docker-compose.cluster.yml"):
    return yaml.safe_load(read(file))["services"]


def test_the_programs_get_the_settings_that_they_get_on_one_server():
    of_another_database = {"DATABASE_URL", "DATABASE_URL_FILE", "MYSQL_PORT", "REJECTS_DIR"}
    of_another_database |= {"MYSQL_SSL_CA", "MYSQL_SSL_CERT", "MYSQL_SSL_KEY"}
    alone, cluster = services("docker-compose.yml"), services()
    for one, other in (("api", "api1"), ("api", "api2"), ("migration", "migration"), ("backup", "backup")):
        expected = alone[one]["environment"].keys() - of_another_database
        assert cluster[other]["environment"].keys() == expected
        assert cluster[other].get("cap_drop") == ["ALL"]


def test_all_name_the_same_servers():
    found = services()
    assert [name for name in found if name.startswith("db")] == SERVERS
    for replica in (*REPLICAS, "migration"):
        assert found[replica]["environment"]["MYSQL_HOST"].split(",") == SERVERS
    assert (
        re.search(r'^SERVERS="(.*)"$', read("deploy/cluster/form-group.sh"), re.MULTILINE)[1].split()
        == SERVERS
    )
    seeds = re.search(r'group_seeds = "(.*)"', read("deploy/cluster/mysql.cnf"))[1]
    assert seeds.split(",") == [f"{name}:33061" for name in SERVERS]
    numbers = {" ".join(found[name]["command"]) for name in SERVERS}
    assert numbers == {f"mysqld --server-id={n} --report-host=db{n}" for n in (1, 2, 3)}


def test_the_proxy_asks_every_replica_whether_it_is_ready():
    text = read("deploy/cluster/haproxy.cfg")
    assert re.findall(r"^ +server (\S+) (\S+)$", text, re.MULTILINE) == [
        (name, f"{name}:8000") for name in REPLICAS
    ]
    assert "uri /health/ready" in text
    assert services()["proxy"]["ports"] == ["${API_HOST:-127.0.0.1}:${API_PORT:-8000}:8000"]


def test_what_is_mounted_from_the_project_is_there():
    mounts = [mount for service in services().values() for mount in service.get("volumes", [])]
    files = {mount.split(":")[0] for mount in mounts if mount.startswith("./")}
    assert "./deploy/cluster/form-group.sh" in files
    for name in files:
        assert (ROOT / name).exists(), name


def test_replicas_share_the_folder_of_backups():
    for name in REPLICAS:
        assert "./backups:/app/backups" in services()[name]["volumes"]


def test_the_migration_waits_for_the_group_and_its_account():
    assert services()["migration"]["depends_on"] == {"group": {"condition": "service_healthy"}}
    formed = re.search(r"^FORMED=(\S+)", read("deploy/cluster/form-group.sh"), re.MULTILINE)[1]
    assert services()["group"]["healthcheck"]["test"] == ["CMD", "test", "-e", formed]


def test_no_server_begins_or_joins_a_group_by_itself():
    text = read("deploy/cluster/mysql.cnf")
    assert "start_on_boot = OFF" in text
    assert "bootstrap_group" not in text


def test_the_script_is_one_that_bash_takes():
    subprocess.run(["bash", "-n", FOLDER / "form-group.sh"], check=True)
