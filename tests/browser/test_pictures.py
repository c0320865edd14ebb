"""The pictures of the README and the docs: `make pictures` makes them anew, from the sample data."""

import os
import re
from pathlib import Path

import pytest

from tests.browser.conftest import loaded, on_one_database

FOLDER = Path("docs/pictures")
PICTURES = {"metrics.png": "metrics", "rejects.png": "rejects?table=employees", "backups.png": "backups"}


@on_one_database
@pytest.mark.skipif("PICTURES" not in os.environ, reason="the pictures stay as they are: make pictures")
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_made(visit, site, root, name):
    for _ in range(2):
        assert site.call("POST", "/backups", b"")[0] == 201
    site.changed = True
    page = loaded(visit(PICTURES[name], size={"width": 1100, "height": 720}))
    (root / FOLDER).mkdir(exist_ok=True)
    page.screenshot(path=root / FOLDER / name)


def test_every_picture_in_the_pages_is_one_of_these(root):
    shown = set()
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+\.png)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / path).is_file(), path
            shown.add((page.parent / path).name)
    assert shown <= set(PICTURES)
    assert {path.name for path in (root / FOLDER).glob("*.png")} == set(PICTURES)
