"""Checks the settings of a destination or an alert channel with the schema of its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from relay.destinations.base import Kind
from relay.destinations.endpoints import (
    AGAIN,
    QUERY_AGAIN,
    hide_queries,
    is_elsewhere,
    secrets_in_use,
    url_fields,
    with_query,
)
from relay.destinations.redaction import MASK
from relay.errors import Invalid, Undeliverable
from relay.i18n import N_, _
from relay.secrets.references import is_reference
from relay.transport.addresses import Network, check_url

BY_COMMAND_LINE = N_(
    "This looks like a reference to a secret. Only the command line takes one, on Relay's server: flask "
    "destinations update or flask alerts channels update. Enter the secret itself here."
)


def load_config(
    kind: Kind,
    values: Mapping[str, Any],
    stored_secrets: Mapping[str, str],
    allowed_networks: Iterable[Network] = (),
    stored: Mapping[str, Any] | None = None,
    may_refer: bool = True,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Check the settings from a form or the command line.  -> (settings, secrets)

    An empty or masked secret keeps the stored one, unless the settings before, ``stored``, name another
    server or way of signing in: then it must be entered again.  A URL with a query is also one of the
    secrets, and its values are masked in the settings.  Without ``may_refer`` a secret cannot be entered
    as a reference.  Raises Invalid with the reasons per field.
    """
    secret_names = {name for name, field in kind.schema.fields.items() if is_secret(field)}
    given = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in values.items()
        if value not in (None, "")
    }
    reasons: dict[str, list[str]] = {}
    kept = set()
    for name in secret_names:
        if str(given.get(name, MASK)).startswith(MASK):
            given.pop(name, None)
            if name in stored_secrets:
                given[name] = stored_secrets[name]
                kept.add(name)
        elif not may_refer and is_reference(str(given[name])):
            reasons[name] = [_(BY_COMMAND_LINE)]
    for name in {one.name for one in url_fields(kind)} & given.keys():
        try:
            given[name] = with_query(str(given[name]), stored_secrets.get(name, ""))
        except ValueError:
            reasons[name] = [_(QUERY_AGAIN)]
    loaded: dict[str, Any] = {}
    try:
        loaded = kind.schema.load(given)
    except ValidationError as exc:
        found = {name: _sentences(why) for name, why in exc.normalized_messages().items()}
        reasons = found | reasons
    for name, field in kind.schema.fields.items():
        address = loaded.get(name) or given.get(name)
        if field.metadata.get("widget") != "url" or name in reasons or not address:
            continue
        try:
            if name not in secret_names or not is_reference(address):
                check_url(address, allowed_networks)
        except Undeliverable as exc:
            reasons[name] = [str(exc)]
    if not reasons and stored is not None and is_elsewhere(kind, stored, loaded):
        in_use = set(secrets_in_use(kind, loaded))
        reasons = {name: [_(AGAIN)] for name in kept & in_use}
        loaded = {name: value for name, value in loaded.items() if name not in kept - in_use}
    if reasons:
        raise Invalid(reasons)
    secrets = {name: str(loaded.pop(name)) for name in secret_names if loaded.get(name)}
    shown, urls = hide_queries(kind, loaded)
    return {
        name: value for name, value in shown.items() if name not in secret_names
    }, secrets | urls


def is_secret(field: fields.Field) -> bool:  # type: ignore[type-arg]
    return bool(field.metadata.get("secret"))


def _sentences(why: Any) -> list[str]:
    if isinstance(why, dict):
        return [sentence for inner in why.values() for sentence in _sentences(inner)]
    return [_(str(line)) for line in why]
