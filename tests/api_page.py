"""Writes docs/api.md, the reference of the API, from its OpenAPI document: `python -m tests.api_page`."""

from __future__ import annotations

import json
from typing import Any

from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests import pages

PAGE = pages.ROOT / "docs" / "api.md"
_METHODS = ("get", "post", "put", "patch", "delete")
_HEAD = """# API

Written by `python -m tests.api_page` from the OpenAPI document, which the API itself answers at
`/openapi.json`; `/docs` shows it as a page on which calls can be tried. What is common to all routes is in
[Routes](routes.md).
"""


def document() -> dict[str, Any]:
    """The OpenAPI document of the API."""
    settings = {"DATABASE_URL": "sqlite:////nowhere.db", "API_USER": "a", "API_PASS": "b"}
    answer = create_app(read_settings(settings)).test_client().get("/openapi.json")
    found: dict[str, Any] = answer.json
    return found


def written(api: dict[str, Any]) -> str:
    """The page for an OpenAPI document: a section for each tag, and in it one for each operation."""
    sections: dict[str, list[str]] = {tag["name"]: [] for tag in api["tags"]}
    for path, item in api["paths"].items():
        for method in _METHODS:
            if method in item:
                parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                text = _operation(api, f"{method.upper()} {path}", item[method], parameters)
                sections[item[method]["tags"][0]].append(text)
    described = {tag["name"]: tag.get("description", "") for tag in api["tags"]}
    bodies = [
        f"## {name.capitalize()}\n\n{described[name]}.\n\n" + "\n".join(operations)
        for name, operations in sections.items()
        if operations
    ]
    return _HEAD + "\n" + "\n".join(bodies)


def _operation(api: dict[str, Any], title: str, operation: dict[str, Any], parameters: list[Any]) -> str:
    lines = [f"### {title}", "", operation["summary"], ""]
    if operation.get("description"):
        lines += [operation["description"].strip(), ""]
    if parameters:
        lines += ["| parameter | in | values | what it is | such as |", "| --- | --- | --- | --- | --- |"]
        lines += [_parameter(_resolved(api, one)) for one in parameters]
        lines.append("")
    if "requestBody" in operation:
        content = _resolved(api, operation["requestBody"])["content"]
        lines += ["Body: " + ", ".join(f"`{name}`" for name in content) + ".", ""]
        lines += _example(content)
    answers = sorted((str(status), _resolved(api, said)) for status, said in operation["responses"].items())
    good = [(status, said) for status, said in answers if status < "400"]
    lines += [f"- {status}: {_cell(said['description'])}{_types(said)}" for status, said in good]
    refusals = ", ".join(status for status, _ in answers if status >= "400")
    lines += [f"- problems: {refusals}", ""]
    for _, said in sorted(good, key=lambda one: one[0] != "201"):  # rather than that of a dry run
        if shown := _example(said.get("content", {})):
            lines += ["Answer:", "", *shown]
            break
    return "\n".join(lines)


def _example(content: dict[str, Any]) -> list[str]:
    """The first example of a body that is JSON or CSV."""
    for name, described in content.items():
        kind = {"application/json": "json", "text/csv": "csv"}.get(name)
        found = [described] if "example" in described else [*described.get("examples", {}).values()]
        value = found[0].get("example", found[0].get("value")) if found else None
        if kind and value is not None:
            text = (
                value.replace("\r", "") if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            )
            return [f"```{kind}", text.rstrip(), "```", ""]
    return []


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    values = ", ".join(f"`{value}`" for value in schema.get("enum", [])) or schema.get("type", "")
    if isinstance(values, list):
        values = " or ".join(values)
    if "default" in schema:
        shown = str(schema["default"])
        values += f" (default `{shown.lower() if isinstance(schema['default'], bool) else shown}`)"
    said = parameter.get("description") or schema.get("description", "")
    name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
    example = parameter.get("example", next(iter(schema.get("examples", [""])), ""))
    example = example if isinstance(example, str) else json.dumps(example)
    return f"| {name} | {parameter['in']} | {values} | {_cell(said)} | `{example}` |"


def _types(response: dict[str, Any]) -> str:
    names = [f"`{name}`" for name in response.get("content", {}) if "problem" not in name]
    return f" ({', '.join(names)})" if names else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _resolved(api: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = api
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    resolved: dict[str, Any] = found
    return resolved


if __name__ == "__main__":
    PAGE.write_text(written(document()), encoding="utf-8")
