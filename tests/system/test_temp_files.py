"""Temporary files and folders are gone with their owner, or when the next one is made."""

import os
import subprocess
import sys

import pytest

from hiring_api.system.temp_files import ScratchFolder, scratch_file, sweep

# Makes one of each, says so, and lives until its standard input ends
OWNER = """
import sys
from pathlib import Path
from hiring_api.system.temp_files import ScratchFolder, scratch_file
place = Path(sys.argv[1])
folder, (_, file) = ScratchFolder("made-", place), scratch_file(place, "made-", ".part")
(folder.path / "content").write_text("x")
file.write_text("x")
print("made", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(root, tmp_path):
    """A process that holds a file and a folder in `tmp_path`."""
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "made\n"
        yield process
        process.kill()


def names(place):
    return sorted(path.name.split("-")[0] for path in place.iterdir())


def test_a_folder_is_gone_with_its_block(tmp_path):
    with ScratchFolder("made-", tmp_path) as folder:
        (folder / "content").write_text("x")
        assert names(tmp_path) == ["made"]
    assert names(tmp_path) == []


def test_what_a_killed_owner_left_goes_when_the_next_one_is_made(tmp_path, owner):
    assert names(tmp_path) == ["made", "made"]
    owner.kill()
    owner.wait()
    assert names(tmp_path) == ["made", "made"]
    with ScratchFolder("made-", tmp_path):
        descriptor, file = scratch_file(tmp_path, "made-", ".part")
        assert names(tmp_path) == ["made", "made"]
        os.close(descriptor)
        file.unlink()
    assert names(tmp_path) == []


def test_what_a_living_owner_holds_stays_in_this_process_and_in_others(tmp_path, owner):
    before = sorted(tmp_path.iterdir())
    with ScratchFolder("made-", tmp_path) as mine, ScratchFolder("made-", tmp_path):
        assert mine.is_dir()
        sweep(tmp_path, "made-")
        sweep(tmp_path, "made-", ".part")
        assert set(before) < set(tmp_path.iterdir())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["made-1", "made-abcdefgh.txt", "notmade-abcdefgh", "made-ABCDEFGH"])
def test_other_names_are_left_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    sweep(tmp_path, "made-")
    assert (tmp_path / name).is_dir()


def test_no_link_is_followed_and_nothing_is_waited_for(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "made-aaaaaaaa").symlink_to(precious)
    os.mkfifo(tmp_path / "made-bbbbbbbb")
    sweep(tmp_path, "made-")
    assert precious.is_dir()
    assert (tmp_path / "made-aaaaaaaa").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_others_is_left_alone(tmp_path):
    other = tmp_path / "made-aaaaaaaa"
    other.mkdir()
    os.chown(other, 12345, 12345)
    sweep(tmp_path, "made-")
    assert other.is_dir()


def test_a_place_that_is_not_there_has_nothing_to_sweep(tmp_path):
    sweep(tmp_path / "none", "made-")
