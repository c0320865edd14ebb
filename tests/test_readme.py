"""The README says what the program does: its answers are real, its tables are complete."""

import dataclasses
import re

import pytest

from hiring_api.avro import codecs
from hiring_api.errors import InvalidFile
from hiring_api.settings import Settings, read_settings
from hiring_api.web.app import create_app
from tests import walkthrough

README = walkthrough.README.read_text(encoding="utf-8")


def test_every_answer_in_the_walk_through_is_what_the_program_prints():
    assert walkthrough.difference(README) == ""


def test_every_route_is_in_the_table(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "API_USER": "a", "API_PASS": "b"}
    app = create_app(read_settings(settings))
    rules = {
        re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()
    }
    for resource in ("departments", "jobs", "employees"):
        rules = {re.sub(rf"/{resource}\b", "/{resource}", rule) for rule in rules}
    missing = [rule for rule in sorted(rules) if f"`{rule}`" not in README and f" {rule}`" not in README]
    assert missing == []


@pytest.mark.parametrize("file", ["README.md", ".env.example"])
def test_every_setting_is_documented(file):
    class Recorder(dict):
        """An environment that notes what it is asked for."""

        def get(self, name, default=None):
            asked.add(name)
            return default

    asked = set()
    read_settings(Recorder())
    names = {name for name in asked if not name.endswith("_FILE")}
    assert len(names) >= len(dataclasses.fields(Settings))
    text = (walkthrough.ROOT / file).read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


def test_every_row_error_code_of_the_contract_is_documented():
    codes = (
        "required invalid_type invalid_format out_of_range too_long invalid_characters unknown_field "
        "unknown_reference duplicate_id already_exists column_count"
    )
    assert [code for code in codes.split() if f"`{code}`" not in README] == []


def test_every_codec_that_a_restore_reads_is_named():
    backups = README[README.index("## Backups") :]
    with pytest.raises(InvalidFile) as refusal:
        codecs.known(b"brotli")
    read = str(refusal.value).partition("not one of ")[2].split(", ")
    assert {"bzip2", "deflate", "null", "snappy", "xz", "zstandard"} <= set(read)
    assert [codec for codec in read if f"`{codec}`" not in backups] == []


def test_the_summary_of_settings_names_no_password():
    assert not re.search(r"API_PASS=\S", README.replace("API_PASS=…", ""))
