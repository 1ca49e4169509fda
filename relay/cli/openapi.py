"""``flask openapi``"""

from __future__ import annotations

import json

from relay.api import openapi
from relay.cli.output import command, show, top_level


@command(top_level, "openapi", "openapi > openapi.json")
def print_openapi(as_json: bool) -> None:
    """Print the OpenAPI document of the API, as JSON."""
    found = openapi.document()
    show(found, as_json, json.dumps(found, ensure_ascii=False, indent=2))
