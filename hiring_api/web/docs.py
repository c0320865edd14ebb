"""`/openapi.json`, and Swagger UI at `/docs` from files of an installed package: no CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_swagger_ui import get_swaggerui_blueprint

if TYPE_CHECKING:
    from flask import Flask
    from flask_smorest import Api

CONFIG: dict[str, Any] = {
    "API_TITLE": "Hiring API",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.0.3",
    "OPENAPI_URL_PREFIX": "/",
}


def register(app: Flask, api: Api) -> None:
    """Serves the documentation of `app`."""
    # No validatorUrl: Swagger UI would send the document to an outside service
    config = {"app_name": "Hiring API", "validatorUrl": None}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", config))
    api.spec.components.security_scheme("basic", {"type": "http", "scheme": "basic"})
    api.spec.options["security"] = [{"basic": []}]
