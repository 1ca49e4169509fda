"""The settings that only the environment can change, as a person may see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config import Config
from relay.i18n import _


@dataclass(frozen=True)
class EnvironmentSetting:
    """A setting that only the environment can change.  ``value`` is empty if it is not set."""

    label: str
    variable: str
    value: str
    is_set: bool
    help: str = ""


def environment(
    config: Config, number: Callable[[int], str] = "{:,}".format
) -> list[EnvironmentSetting]:
    """What the environment sets; secrets only as "set".  ``number`` writes one for the reader."""

    def entry(label: str, variable: str, value: str, help_: str = "") -> EnvironmentSetting:
        is_set = variable in config.set_in_environment or (
            variable.startswith("OTEL_") and bool(value)
        )
        return EnvironmentSetting(label, variable, value, is_set, help_)

    secret = {True: _("Set"), False: ""}
    proxies, size = config.trusted_proxies, number(config.max_body_bytes)
    return [
        entry(
            _("Public URL"),
            "RELAY_PUBLIC_URL",
            config.public_url,
            _("The address of Relay for links in messages, for passkeys and for sites."),
        ),
        entry(_("Proxies in front of Relay"), "RELAY_TRUSTED_PROXIES", str(proxies)),
        entry(
            _("Metrics token"),
            "RELAY_METRICS_TOKEN",
            secret[bool(config.metrics_token)],
            _(
                "With a token, /metrics can be read from other hosts. Without one, from this host only."
            ),
        ),
        entry(_("Metrics port"), "RELAY_METRICS_PORT", str(config.metrics_port or "")),
        entry(_("Traces"), "OTEL_EXPORTER_OTLP_ENDPOINT", config.otel_endpoint or ""),
        entry(
            _("Largest event"),
            "RELAY_MAX_BODY_BYTES",
            _("%(num)s bytes", num=size),
        ),
        entry(_("Age of a request"), "RELAY_SIGNATURE_WINDOW_S", f"{config.signature_window_s} s"),
        entry(
            _("Private networks"),
            "RELAY_ALLOWED_PRIVATE_NETWORKS",
            ", ".join(map(str, config.allowed_private_networks)),
            _("Destinations in these networks can be called."),
        ),
        entry(_("Outbound proxy"), "RELAY_OUTBOUND_PROXY", secret[bool(config.outbound_proxy)]),
        entry(
            _("Canary"),
            "RELAY_CANARY_MINUTES",
            _("%(num)s min", num=config.canary_minutes) if config.canary_minutes else _("Off"),
        ),
        entry(_("Copy of the audit log"), "RELAY_AUDIT_SYSLOG", config.audit_syslog),
        entry(_("Single sign-on"), "RELAY_OIDC_ISSUER", config.oidc.issuer if config.oidc else ""),
        entry(_("Data directory"), "RELAY_DATA_DIR", str(config.data_dir)),
    ]
