"""How schemas of Marshmallow become those of OpenAPI."""

from __future__ import annotations

import inspect
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from apispec.ext.marshmallow.openapi import OpenAPIConverter


class _Described(OpenAPIConverter):
    """Take the docstring of a schema's class as its description."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        converted: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        said = getattr(resolve_schema_cls(schema), "__doc__", None)
        return {**converted, "description": " ".join(inspect.cleandoc(said).split())} if said else converted


class Described(MarshmallowPlugin):
    """apispec's plugin for Marshmallow, with a description of each schema."""

    Converter = _Described
