"""Every file and name in `docs/architecture.md` exists, so that the page stays true when code moves."""

import ast
import re

NAME = re.compile(r"`(?!hiring_api/|tests/|docs/)([a-z_]+(?:/[a-z_]+)+)(?:\.([A-Za-z_]+))?`")


def names_of(path):
    """What a module or package defines at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_function_that_the_page_names_is_where_it_says(root):
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = set(NAME.findall(page))
    assert len(found) > 30
    missing = []
    for place, name in sorted(found):
        path = (root if place.startswith("migration_job/") else root / "hiring_api") / place
        module = path.with_suffix(".py")
        if not (path.is_dir() or module.is_file()) or (name and name not in names_of(module)):
            missing.append(f"{place}.{name}")
    assert missing == []


def test_the_files_and_folders_of_tests_that_the_pages_name_exist(root):
    for page in ("docs/architecture.md", "CONTRIBUTING.md"):
        text = (root / page).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:tests|hiring_api)/[\w/.]*)`", text):
            assert (root / path).exists(), path
