"""`.ci/release_notes.py`: the text of a release is its section of the changelog, or there is no release."""

import importlib.util
import subprocess
import sys

import pytest

from tests.delivery.programs import ROOT

PATH = ROOT / ".ci" / "release_notes.py"
PROJECT = '[project]\nversion = "0.2.0"\n'
CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-11-21

### Added
- Brackets [0.1.0] and ## signs stay.

## [0.1.0] - 2026-01-01

- First.

[0.2.0]: https://example.org/compare
"""


@pytest.fixture
def notes():
    spec = importlib.util.spec_from_file_location("release_notes", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.notes


def test_the_notes_are_the_section_of_the_version(notes):
    assert notes("v0.2.0", CHANGELOG, PROJECT) == "### Added\n- Brackets [0.1.0] and ## signs stay.\n"
    assert notes("v0.1.0", CHANGELOG, PROJECT.replace("0.2.0", "0.1.0")) == "- First.\n"


@pytest.mark.parametrize("tag", ["0.2.0", "v0.1.0", "v0.2.0-rc1", ""])
def test_a_tag_of_another_version_than_the_projects_is_refused(notes, tag):
    with pytest.raises(ValueError, match=r"must be v0\.2\.0"):
        notes(tag, CHANGELOG, PROJECT)


def test_a_version_of_which_the_changelog_says_nothing_is_refused(notes):
    with pytest.raises(ValueError, match=r"has no section for 0\.2\.1"):
        notes("v0.2.1", CHANGELOG, PROJECT.replace("0.2.0", "0.2.1"))
    with pytest.raises(ValueError, match="has no section"):
        notes("v0.2.0", CHANGELOG.replace("### Added\n- Brackets [0.1.0] and ## signs stay.\n", ""), PROJECT)


def test_as_a_program_it_says_what_is_wrong_in_a_sentence():
    for arguments, status in [([], 2), (["v999.0.0"], 1)]:
        run = subprocess.run([sys.executable, PATH, *arguments], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (status, "", 1)
