"""`python -m hiring_api`: what operators type, what it prints, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hiring_api
from hiring_api.__main__ import main
from hiring_api.database import schema
from tests.rows_of_all import EMPLOYEES, everything, fill
from tests.terminal import Terminal


@pytest.fixture
def filled(client, settings, monkeypatch):
    """A client of a filled API, and an environment in which the commands use the same database."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("BACKUP_DIR", settings.backup_dir)
    return fill(client)


def said(capsys):
    return json.loads(capsys.readouterr().out)


def test_back_up_wreck_restore(filled, capsys):
    before = everything(filled)
    assert main(["--json", "backup"]) == 0
    [kept] = said(capsys)
    assert kept["rows"] == {"departments": 2, "jobs": 1, "hired_employees": 3}
    assert main(["verify", kept["name"], "--level", "restore"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["file", "result", "level", "departments", "jobs", "hired_employees"],
        [kept["name"], "ok", "restore", "2", "1", "3"],
    ]
    filled.post("/employees?on_conflict=update", json=[{**EMPLOYEES[0], "name": "Wrecked"}])
    assert main(["--json", "restore", kept["name"], "--dry-run"]) == 0
    assert [report["updated"] for report in said(capsys)] == [0, 0, 1]
    assert everything(filled) != before
    assert main(["--json", "restore", "--yes", kept["name"]]) == 0
    assert [report["updated"] for report in said(capsys)] == [0, 0, 1]
    assert everything(filled) == before
    assert main(["--json", "backups"]) == 0
    assert [(item["reason"], bool(item["verified"])) for item in said(capsys)] in (
        [("before restore", False), ("requested", True)],
        [("requested", True), ("before restore", False)],  # in the same second
    )


def test_a_kept_backup_that_is_found_damaged_is_noted_as_such(filled, settings, capsys):
    assert main(["--json", "backup"]) == 0
    [kept] = said(capsys)
    path = Path(settings.backup_dir) / f"{kept['name']}.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert main(["verify", kept["name"]]) == 3
    assert "damaged" in capsys.readouterr().err
    assert main(["--json", "backups"]) == 0
    assert said(capsys)[0]["verified"]["ok"] is False


def test_one_table_goes_to_another_folder(filled, capsys, tmp_path):
    assert main(["--json", "backup", "jobs", "--to", str(tmp_path / "there"), "--codec", "zstandard"]) == 0
    [kept] = said(capsys)
    assert (kept["rows"], kept["codec"]) == ({"jobs": 1}, "zstandard")
    path = tmp_path / "there" / f"{kept['name']}.zip"
    assert main(["--json", "verify", str(path)]) == 0
    assert said(capsys) == [{"file": str(path), "level": "decode", "ok": True, "rows": {"jobs": 1}}]
    assert main(["--json", "restore", "--yes", "--no-keep", str(path)]) == 0
    assert said(capsys)[0]["unchanged"] == 1


def test_an_avro_file_is_restored_and_refused(filled, capsys, tmp_path):
    path = tmp_path / "departments.avro"
    path.write_bytes(filled.get("/backup/departments").data)
    assert main(["restore", "--yes", str(path), "--mode", "merge"]) == 0
    assert "departments" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["restore", "--yes", str(path)]) == 3
    assert capsys.readouterr().err == "the file is not a readable backup: it is cut short\n"
    assert main(["verify", str(path)]) == 3


def test_departments_that_are_needed_end_with_their_own_status(filled, capsys, tmp_path):
    path = tmp_path / "departments.avro"
    path.write_bytes(filled.get("/backup/departments").data)
    filled.post("/departments", json=[{"id": 9, "department": "New"}])
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 77, "department_id": 9}])
    assert main(["restore", "--yes", str(path)]) == 4
    assert "1 rows of hired_employees need rows of departments" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["backup", "salaries"], 1),
        (["restore", "nothing.avro"], 1),
        (["restore", "20200101T000000Z-abcdef01"], 1),
        (["verify", "../x"], 1),
        (["backups", "--from", "nowhere://x"], 1),
        (["backups", "--from", "/nope"], 1),
        (["backups", "--from", "memory://nope"], 1),
    ],
)
def test_what_is_not_there_ends_with_1(filled, capsys, arguments, status):
    assert main(arguments) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1


def test_json_is_asked_for_before_the_command_or_after_it(filled, capsys):
    for arguments in (["--json", "backup"], ["backup", "--json"], ["--json", "backup", "--json"]):
        assert main(arguments) == 0
        assert said(capsys)[0]["reason"] == "requested"
    assert main(["verify", "--json", "newest"]) == 0
    assert said(capsys)[0]["ok"] is True
    assert main(["backups", "--json"]) == 0
    assert len(said(capsys)) == 3


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hiring-api {hiring_api.__version__}\n"


def test_a_terminal_has_a_bar_of_rows(filled):
    for command, what in (("backup", "backing up"), ("verify newest", "verifying")):
        with Terminal(sys.executable, "-m", "hiring_api", *command.split()) as terminal:
            assert terminal.end() == 0, terminal.shown
            assert f"{what}: 100%" in terminal.shown
            assert "| 6/6 [" in terminal.shown
            assert terminal.output.count("\n") == 2


def test_a_folder_that_is_none_is_told_with_the_systems_reason(filled, capsys, monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("BACKUP_DIR", str(file))
    assert main(["backups"]) == 1
    assert capsys.readouterr() == ("", "the backup folder cannot be read (Not a directory)\n")
    assert main(["backup"]) == 1
    assert capsys.readouterr() == ("", "the backup folder cannot be written (File exists)\n")
    assert main(["verify", str(tmp_path)]) == 1
    assert capsys.readouterr() == ("", f"{tmp_path}: Is a directory\n")


def test_a_file_that_is_no_database_is_told(capsys, monkeypatch, tmp_path):
    (tmp_path / "h.db").write_text("some text, not a database" * 100)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/h.db")
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "kept"))
    assert main(["backup"]) == 1
    assert capsys.readouterr() == ("", "the database file is damaged, or none of SQLite's\n")


def test_a_wrong_setting_ends_with_2(filled, capsys, monkeypatch):
    monkeypatch.setenv("BACKUP_KEEP", "all")
    assert main(["backups"]) == 2
    assert capsys.readouterr().err.startswith("BACKUP_KEEP='all' must be a whole number")


def test_the_help_tells_every_exit_status_and_needs_no_flask():
    code = "import sys; sys.modules['flask'] = None; from hiring_api.__main__ import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [f"\n{status:3}  " in done.stdout for status in (0, 1, 2, 3, 4, 5, 130)] == [True] * 7


def test_a_database_that_is_away_ends_with_1(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "mysql://nobody:nothing@127.0.0.1:1/nowhere")
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path))
    assert main(["backup"]) == 1
    assert capsys.readouterr().err == "the database cannot be reached: try again later\n"
    assert list(Path(tmp_path).iterdir()) == []


def test_a_full_disk_ends_with_1_and_leaves_nothing_behind(filled, tmp_path):
    """The size that a file may have stands for the room on a disk: both end in an OSError."""
    for number in range(20):
        filled.post("/jobs", json=[{"job": f"{number} {count} {number * count}"} for count in range(500)])
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from hiring_api.__main__ import main; sys.exit(main(['backup', 'jobs', '--codec', 'null']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("there is no room left for temporary files (TMPDIR): nothing was kept\n")
    assert filled.get("/backups").json["items"] == []
    assert not [path for path in Path(os.environ["BACKUP_DIR"]).glob("*") if path.is_file()]


def test_without_backups_it_says_so_and_how_to_keep_one(filled, capsys):
    place = os.environ["BACKUP_DIR"]
    assert main(["backups"]) == 0
    hint = f"there are no backups in {place}: the command backup keeps one\n"
    assert capsys.readouterr() == ("", hint)
    assert main(["--json", "backups"]) == 0
    assert capsys.readouterr() == ("[]\n", hint)
    assert main(["verify", "newest"]) == 1
    assert capsys.readouterr() == (
        "",
        "there are no backups that were asked for: the command backup keeps one\n",
    )


def test_the_newest_backup_need_not_be_named(filled, capsys):
    for _ in range(2):
        assert main(["--json", "backup"]) == 0
        [kept] = said(capsys)
    assert main(["--json", "verify", "newest"]) == 0
    assert [one["file"] for one in said(capsys)] == [kept["name"]]
    assert main(["--json", "backups"]) == 0
    newest, other = said(capsys)
    assert (newest["name"], bool(newest["verified"]), other["verified"]) == (kept["name"], True, None)
    assert main(["restore", "newest", "--yes", "--no-keep"]) == 0


def test_the_newest_is_the_newest_that_was_asked_for_not_what_a_restore_kept(filled, capsys):
    assert main(["--json", "backup"]) == 0
    [asked] = said(capsys)
    before = everything(filled)
    for _ in range(2):
        filled.post("/employees?on_conflict=update", json=[{**EMPLOYEES[0], "name": "Wrecked"}])
        assert main(["restore", "newest", "--yes"]) == 0
        assert everything(filled) == before
    capsys.readouterr()
    assert main(["--json", "verify", "newest"]) == 0
    assert [one["file"] for one in said(capsys)] == [asked["name"]]


def restoring(*arguments):
    return Terminal(sys.executable, "-m", "hiring_api", "restore", *arguments)


def test_on_a_terminal_a_restore_says_what_it_will_replace_and_asks(filled, capsys):
    assert main(["--json", "backup"]) == 0
    [kept] = said(capsys)
    filled.post("/jobs", json=[{"id": 9, "job": "Cook"}])
    wrecked = everything(filled)
    with restoring("newest") as terminal:
        terminal.until(r"Go on\? \[y/N\] ")
        lines = [line.split() for line in terminal.shown.splitlines()]
        assert ["jobs", "2", "1"] in lines
        assert ["employees", "3", "3"] in lines
        assert f"those of {kept['name']} of {kept['time']}, a backup of " in terminal.shown
        assert "What is replaced is kept as a backup first." in terminal.shown
        terminal.type(b"n\n")
        assert terminal.end() == 1
        assert "not restored: nothing was changed" in terminal.shown
    assert everything(filled) == wrecked
    with restoring("newest", "--no-keep") as terminal:
        terminal.until(r"NOT kept")
        terminal.type(b"yes\n")
        assert terminal.end() == 0, terminal.shown
        assert "restoring: 100%" in terminal.shown
    assert everything(filled) != wrecked


def test_without_a_terminal_a_restore_wants_to_be_told_yes(filled, capsys, tmp_path):
    path = tmp_path / "all.zip"
    path.write_bytes(filled.get("/backup/all").data)
    assert main(["restore", str(path)]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert "say --yes" in output.err
    assert main(["restore", str(path), "--dry-run"]) == 0
    assert main(["restore", str(path), "--yes"]) == 0


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Makes the commands use another database, which is not there yet; its path."""
    path = tmp_path / "elsewhere" / "hiring.db"
    path.parent.mkdir()
    if "BACKUP_DIR" not in os.environ:
        monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "kept"))
    return lambda: monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}") or path


def test_a_schema_is_made_and_brought_up_to_date_by_hand(elsewhere, capsys):
    elsewhere()
    assert main(["--json", "migrate"]) == 0
    assert said(capsys) == [{"revision": schema.newest(), "before": None}]
    assert main(["migrate", "--json"]) == 0
    assert said(capsys) == [{"revision": schema.newest(), "before": schema.newest()}]
    assert main(["backup"]) == 0


def test_a_restore_into_a_database_without_a_schema_makes_it(filled, elsewhere, capsys, tmp_path):
    path = tmp_path / "all.zip"
    path.write_bytes(filled.get("/backup/all").data)
    elsewhere()
    assert main(["--json", "restore", str(path)]) == 0
    assert [report["inserted"] for report in said(capsys)] == [2, 1, 3]
    assert main(["--json", "backup"]) == 0
    assert said(capsys)[0]["rows"] == {"departments": 2, "jobs": 1, "hired_employees": 3}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("backup", 1),
        ("verify --level restore newest", 1),
        ("verify newest", 0),
        ("restore --dry-run newest", 1),
        ("backups", 0),
    ],
)
def test_commands_that_read_never_make_a_database(filled, elsewhere, capsys, arguments, status):
    assert main(["backup"]) == 0
    path = elsewhere()
    capsys.readouterr()
    assert main(arguments.split()) == status
    told = f"there is no database {path}: DATABASE_URL names the one to use\n"
    assert capsys.readouterr().err == (told if status else "")
    assert list(path.parent.iterdir()) == []


def test_a_backup_of_another_database_is_restored_only_when_asked_for_by_name(filled, elsewhere, capsys):
    assert main(["--json", "backup"]) == 0
    [kept] = said(capsys)
    home = os.environ["DATABASE_URL"]
    elsewhere()
    assert main(["migrate"]) == 0
    assert main(["restore", kept["name"], "--yes"]) == 4
    assert "say --other-database" in capsys.readouterr().err
    assert main(["restore", "newest", "--yes"]) == 1
    assert main(["verify", "newest"]) == 1
    capsys.readouterr()
    assert main(["--json", "backup"]) == 0
    [empty] = said(capsys)
    assert kept["database"]["id"] != empty["database"]["id"]
    assert main(["restore", kept["name"], "--yes", "--other-database"]) == 0
    os.environ["DATABASE_URL"] = home
    capsys.readouterr()
    assert main(["verify", "newest", "--json"]) == 0
    assert said(capsys)[0]["file"] == kept["name"]
    refused = filled.post(f"/backups/{empty['name']}/restore")
    assert refused.status_code == 409
    assert "another database, hiring.db (sqlite), not of" in refused.json["detail"]
    dry = filled.post(f"/backups/{empty['name']}/restore?other_database=true&dry_run=true")
    assert dry.json["employees"]["deleted"] == 3


def test_a_bucket_that_is_away_is_told_in_our_own_words(filled, s3, capsys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["backups", "--from", "s3://history/kept"]) == 1
    reason = "no S3 can be reached: check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION"
    assert capsys.readouterr() == ("", f"the place of the backups cannot be reached ({reason})\n")
