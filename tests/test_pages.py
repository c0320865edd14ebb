"""The pages in docs/ say what the program does: their commands are run, their links lead somewhere."""

import ast
import dataclasses
import re
import subprocess
import sys

import pytest

from hiring_api.avro import codecs
from hiring_api.errors import InvalidFile
from hiring_api.settings import Settings, read_settings
from hiring_api.web.app import create_app
from tests import api_page, pages


@pytest.mark.parametrize("path", pages.pages(), ids=lambda path: path.stem)
def test_every_command_prints_what_its_page_says(path):
    for command in pages.tried(path.read_text(encoding="utf-8")):
        assert not command.differs(), f"{command.run}prints\n{command.printed}not\n{command.answer}"


def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there():
    missing = []
    for path in [pages.README, *sorted(pages.DOCS.glob("*.md"))]:
        for link in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", path.read_text(encoding="utf-8")):
            name, _, heading = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.exists() or (heading and heading not in _headings(target)):
                missing.append(f"{path.name}: {link}")
    assert missing == []


def _headings(path):
    """The anchors of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in lines}


def test_a_wrong_answer_in_a_page_is_noticed():
    shown = "```sh\necho one; echo two\n```\n\n```text\none\n…o\n```\n"
    [command] = pages.commands(shown)
    command.printed = "one\ntwo\n"
    assert not command.differs()
    command.printed = "one\ntwelve\n"
    assert command.differs()


def test_every_sentence_that_is_explained_is_one_that_the_program_says():
    page = (pages.DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE)
    quoted = [sentence for cell in first_cells for sentence in re.findall(r"`([^`]{20,})`", cell)]
    said = "\n".join(
        _said(node)
        for room in ("hiring_api", "migration_job")
        for path in (pages.ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    assert len(quoted) > 15
    assert [sentence for sentence in quoted if sentence.strip("… ") not in said] == []


def _said(node):
    """The text of a string in the program; values that are put into it are shown as the pages show them."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_the_pages_make_a_site_without_a_broken_link(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    settings = pages.ROOT / ".ci" / "mkdocs.yml"
    made = subprocess.run([*command, "--config-file", settings], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "quickstart.html").read_text(encoding="utf-8")
    # The theme's own style and scripts, not those of another host
    assert re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=\"(?:https?:)?//", page) == []


def test_every_route_is_in_the_table(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "API_USER": "a", "API_PASS": "b"}
    app = create_app(read_settings(settings))
    routes = _text("routes")
    rules = {
        re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()
    }
    for resource in ("departments", "jobs", "employees"):
        rules = {re.sub(rf"/{resource}\b", "/{resource}", rule) for rule in rules}
    missing = [rule for rule in sorted(rules) if f"`{rule}`" not in routes and f" {rule}`" not in routes]
    assert missing == []


@pytest.mark.parametrize("file", ["docs/settings.md", ".env.example"])
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
    text = (pages.ROOT / file).read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


def test_every_row_error_code_of_the_contract_is_documented():
    rows = _text("rows")
    codes = (
        "required invalid_type invalid_format out_of_range too_long invalid_characters unknown_field "
        "unknown_reference duplicate_id already_exists column_count"
    )
    assert [code for code in codes.split() if f"`{code}`" not in rows] == []


def test_every_codec_that_a_restore_reads_is_named():
    backups = _text("backups")
    with pytest.raises(InvalidFile) as refusal:
        codecs.known(b"brotli")
    read = str(refusal.value).partition("not one of ")[2].split(", ")
    assert {"bzip2", "deflate", "null", "snappy", "xz", "zstandard"} <= set(read)
    assert [codec for codec in read if f"`{codec}`" not in backups] == []


def test_the_summary_of_settings_names_no_password():
    assert not re.search(r"API_PASS=[^\s…]", pages.README.read_text(encoding="utf-8"))


def test_the_reference_of_the_api_is_what_its_document_says():
    assert api_page.PAGE.read_text(encoding="utf-8") == api_page.written(api_page.document())


def _text(page):
    return (pages.DOCS / f"{page}.md").read_text(encoding="utf-8")
