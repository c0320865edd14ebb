"""`docs/alerts.yml` and `docs/dashboard.json`: each expression names figures and labels that are there."""

import json
import re
import subprocess

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from migration_job.main import main as job
from migration_job.samples import generate
from tests import promtool
from tests.rows_of_all import fill

_NAME = re.compile(r"\b((?:hiring|up)(?:_\w+)?)\b(\{[^}]*\})?")


def expressions(root):
    """All expressions, with where they stand."""
    rules = yaml.safe_load((root / "docs" / "alerts.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]
    for panel in json.loads((root / "docs" / "dashboard.json").read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


@pytest.fixture
def exposed(client, settings, tmp_path, monkeypatch):
    """The text of /health/metrics after some of everything has happened."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("REJECTS_DIR", settings.rejects_dir.as_posix())
    fill(client)
    client.post("/jobs", json=[{"job": ""}])
    client.post("/backups")
    generate.write(tmp_path / "csv")
    assert job([str(tmp_path / "csv"), "--on-conflict", "update"]) == 0
    return client.get("/health/metrics", auth=None).text


def test_every_expression_names_figures_and_labels_that_are_there(root, exposed):
    labels = {"up": {"job", "instance"}}
    for family in text_string_to_metric_families(exposed):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    used = set()
    for where, expression in expressions(root):
        names = _NAME.findall(re.sub(r'"[^"]*"', '""', expression))
        assert names, where
        for name, selector in names:
            assert name in labels, f"{where}: there is no {name}"
            assert set(re.findall(r"(\w+)(?:=|!|~)", selector)) <= labels[name], where
            used.add(name)
        for group in re.findall(r"by \(([^)]*)\)", expression):
            known = set.union(*(labels[name] for name, _ in names))
            assert set(group.split(", ")) <= known, where
    own = {name for name in labels if name.startswith("hiring_") and not name.endswith("_created")}
    assert {"hiring_newest_backup_bytes", "hiring_database_failovers_total"} <= own & used


def test_alerts_and_panels_have_names_of_their_own(root):
    names = [where for where, _ in dict.fromkeys(expressions(root))]
    alerts = [name for name in names if name.startswith("alert ")]
    assert len(alerts) == len(set(alerts))
    panels = json.loads((root / "docs" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_readme_names_every_figure(root, exposed):
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {family.name for family in text_string_to_metric_families(exposed)}
    names = {name for name in names if name.startswith("hiring_") and not name.endswith("_created")}
    assert [name for name in sorted(names) if name not in page] == []


@pytest.mark.skipif(
    not promtool.installed() and not promtool.required(), reason="promtool is not there: run `make test`"
)
def test_promtool_takes_the_rules_and_the_figures(root, exposed):
    program = promtool.installed()
    subprocess.run([program, "check", "rules", root / "docs" / "alerts.yml"], check=True)
    checked = subprocess.run(
        [program, "check", "metrics"], input=exposed, capture_output=True, text=True, check=False
    )
    assert checked.returncode in {0, 3}, (
        checked.stderr
    )  # 3: names that its style guide would choose otherwise
    assert "error" not in checked.stderr.lower()
