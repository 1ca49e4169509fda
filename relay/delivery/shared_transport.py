"""The transport that all outbound calls of this process share."""

from __future__ import annotations

from flask import Flask

from relay.transport.client import Transport
from relay.transport.proxy import Proxy


def shared_transport(app: Flask) -> Transport:
    """The transport of this process, made on first use: its connections are shared."""
    found: Transport | None = app.extensions.get("relay_transport")
    if found is None:
        config = app.extensions["relay_config"]
        found = Transport(
            allowed_networks=config.allowed_private_networks,
            ca_file=config.ca_file,
            proxy=Proxy.of(config.outbound_proxy),
        )
        app.extensions["relay_transport"] = found
    return found
