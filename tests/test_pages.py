"""The pages in docs/ say what the program does: their commands are run, their links lead somewhere."""

import ast
import re
import subprocess
import sys

import pytest

from tests import pages, walkthrough


@pytest.mark.parametrize("path", pages.pages(), ids=lambda path: path.stem)
def test_every_command_prints_what_its_page_says(path):
    for command in pages.tried(path.read_text(encoding="utf-8")):
        assert not command.differs(), f"{command.run}prints\n{command.printed}not\n{command.answer}"


def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there():
    missing = []
    for path in [walkthrough.README, *sorted(pages.DOCS.glob("*.md"))]:
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
        for path in (walkthrough.ROOT / room).rglob("*.py")
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
    settings = walkthrough.ROOT / ".ci" / "mkdocs.yml"
    made = subprocess.run([*command, "--config-file", settings], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "quickstart.html").read_text(encoding="utf-8")
    # The theme's own style and scripts, not those of another host
    assert re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=\"(?:https?:)?//", page) == []
