"""What the images' programs take, for comparison with what deployments give them."""

import re
from pathlib import Path

from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.test_house import PROGRAMS, settings_names

ROOT = Path(__file__).parent.parent.parent
# Those of AWS's own client, which tests/migration/test_addresses.py tries
OF_AWS = {"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}


def parsed(image, words):
    """The words after the image's name, parsed as its entrypoint does; SystemExit if refused."""
    default = re.findall(r'^CMD \["(.*)"\]$', dockerfile(image), re.MULTILINE)
    return PROGRAMS[image][1]().parse_args(words or default)


def dockerfile(image):
    """The text of an image's Dockerfile."""
    return (ROOT / f"Dockerfile.{image}").read_text(encoding="utf-8")


def unknown(names):
    """Those of `names` that are no settings: neither program, nor AWS's client, would read them."""
    settings = settings_names() | OF_AWS
    return {name for name in names if name not in settings and name.removesuffix("_FILE") not in settings}


def routes(tmp_path):
    """The paths that the API answers."""
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "API_USER": "a", "API_PASS": "b"}
    return {rule.rule for rule in create_app(read_settings(settings)).url_map.iter_rules()}
