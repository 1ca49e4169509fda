"""The kinds of destinations.  Every module in ``kinds/`` is found and registered in ``KINDS``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from relay.destinations import kinds
from relay.destinations.base import Kind
from relay.errors import Invalid, Undeliverable
from relay.secrets.references import is_reference
from relay.transport.addresses import Network, check_url


def find_kinds() -> dict[str, Kind]:
    """Import every module in ``kinds/``.  -> its ``KIND``, by slug"""
    names = sorted(info.name for info in pkgutil.iter_modules(kinds.__path__))
    found = (importlib.import_module(f"{kinds.__name__}.{name}").KIND for name in names)
    return {kind.slug: kind for kind in found}


KINDS: dict[str, Kind] = find_kinds()
MASK = "••••"


def load_config(
    kind: Kind,
    values: Mapping[str, Any],
    stored_secrets: Mapping[str, str],
    allowed_networks: Iterable[Network] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """Check the settings from a form or the command line.  -> (settings, secrets)

    An empty or masked secret keeps the stored one.  Raises Invalid with the reasons per field.
    """
    secret_names = {name for name, field in kind.schema.fields.items() if is_secret(field)}
    given = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in values.items()
        if value not in (None, "")
    }
    for name in secret_names:
        if str(given.get(name, MASK)).startswith(MASK):
            given.pop(name, None)
            if name in stored_secrets:
                given[name] = stored_secrets[name]
    reasons: dict[str, list[str]] = {}
    loaded: dict[str, Any] = {}
    try:
        loaded = kind.schema.load(given)
    except ValidationError as exc:
        reasons = {name: _sentences(why) for name, why in exc.normalized_messages().items()}
    for name, field in kind.schema.fields.items():
        address = loaded.get(name) or given.get(name)
        if field.metadata.get("widget") != "url" or name in reasons or not address:
            continue
        try:
            if not is_reference(address):
                check_url(address, allowed_networks)
        except Undeliverable as exc:
            reasons[name] = [str(exc)]
    if reasons:
        raise Invalid(reasons)
    secrets = {name: str(loaded.pop(name)) for name in secret_names if loaded.get(name)}
    return {name: value for name, value in loaded.items() if name not in secret_names}, secrets


def is_secret(field: fields.Field) -> bool:  # type: ignore[type-arg]
    return bool(field.metadata.get("secret"))


def _sentences(why: Any) -> list[str]:
    if isinstance(why, dict):
        return [sentence for inner in why.values() for sentence in _sentences(inner)]
    return [str(line) for line in why]
