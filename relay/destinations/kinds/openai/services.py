"""The AI services: their URLs, what each of them takes, and URLs as people copy them.

Sources: https://platform.openai.com/docs/api-reference,
https://learn.microsoft.com/en-us/azure/ai-services/openai/reference,
https://ai.google.dev/gemini-api/docs/openai, https://openrouter.ai/docs/api/reference,
https://docs.mistral.ai/api, https://docs.ollama.com/api/openai-compatibility.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from relay.i18n import N_, _

RESPONSES, CHAT, COMPATIBLE = "responses", "chat", "compatible"
STRICT, LOOSE, JSON, WORDS = "strict", "schema", "json", "words"
AUTO = "auto"
OPENAI, AZURE, OTHER = "openai", "azure", "other"


@dataclass(frozen=True)
class AiService:
    """A service.  ``hosts`` are the domains of its URLs; ``base_url`` is empty if each account has its
    own.  ``api`` and ``structure`` are what it takes.
    """

    slug: str
    label: str
    base_url: str
    hosts: tuple[str, ...]
    api: str = COMPATIBLE
    structure: str = LOOSE
    needs_key: bool = True


SERVICES = {
    service.slug: service
    for service in (
        AiService(
            OPENAI, "OpenAI", "https://api.openai.com/v1", ("api.openai.com",), RESPONSES, STRICT
        ),
        AiService(
            AZURE,
            "Azure OpenAI",  # i18n: keep
            "",
            ("openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"),
            CHAT,
            STRICT,
        ),
        AiService(
            "gemini",
            "Google Gemini",  # i18n: keep
            "https://generativelanguage.googleapis.com/v1beta/openai",
            ("generativelanguage.googleapis.com",),
        ),
        AiService("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("openrouter.ai",)),
        AiService(
            "mistral",
            "Mistral",
            "https://api.mistral.ai/v1",
            ("api.mistral.ai",),
            structure=STRICT,
        ),
        AiService(
            "ollama",
            N_("Ollama (on your own server)"),
            "http://localhost:11434/v1",
            (),
            needs_key=False,
        ),
        AiService(OTHER, N_("Another compatible service"), "", (), needs_key=False),
    )
}
# What Relay adds to a URL by itself, and the interface that a person who copied it wants.
ENDINGS = {
    "/chat/completions": CHAT,
    "/responses": RESPONSES,
    "/completions": None,
    "/models": None,
}
OLLAMA_PORT = 11434
DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+")


def service_of_url(base_url: str) -> AiService:
    """The service that a URL belongs to."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return SERVICES[OTHER]
    for service in SERVICES.values():
        if any(host == one or host.endswith(f".{one}") for one in service.hosts):
            return service
    return SERVICES["ollama"] if port == OLLAMA_PORT else SERVICES[OTHER]


def service_in(config: Mapping[str, Any]) -> AiService:
    """The service of saved settings, which older ones do not name."""
    return SERVICES.get(config.get("service", "")) or service_of_url(str(config["base_url"]))


def interface_in(config: Mapping[str, Any]) -> str:
    """``responses``, ``chat`` or ``compatible``."""
    chosen = str(config.get("api", AUTO))
    if chosen != AUTO:
        return chosen
    service = service_in(config)
    if service.slug == AZURE and urlsplit(str(config["base_url"])).path.endswith("/v1"):
        return RESPONSES
    return service.api


def structure_in(config: Mapping[str, Any]) -> str:
    """How the answer's schema is sent: ``strict``, ``schema``, ``json`` or ``words``."""
    chosen = str(config.get("structure", AUTO))
    return service_in(config).structure if chosen == AUTO else chosen


def corrected(base_url: str, service: AiService) -> tuple[str, str | None]:
    """A URL without what Relay adds itself.  -> (the URL, the interface that its ending names)

    Azure's address without a path gets the path of its current API.
    """
    parts = urlsplit(base_url.strip())
    path, api = parts.path.rstrip("/"), None
    for ending, named in ENDINGS.items():
        if path.endswith(ending):
            path, api = path.removesuffix(ending).rstrip("/"), named
            break
    if service.slug == AZURE and path in ("", "/openai") and not parts.query:
        path = "/openai/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), api


def wrong_url(base_url: str, service: AiService) -> str:
    """Why a URL cannot be that of the service; empty if it can."""
    parts, named = urlsplit(base_url), service_of_url(base_url)
    if named.hosts and named is not service:
        return _(
            "This is a URL of %(service)s. Choose %(service)s as the service, or clear the URL.",
            service=_(named.label),
        )
    if service.slug != AZURE:
        return ""
    if DEPLOYMENT.fullmatch(parts.path) and not parse_qs(parts.query).get("api-version"):
        return _(
            "The URL of a deployment needs its API version, such as ?api-version=2024-10-21. Copy the "
            "target URI from Azure's page of the deployment."
        )
    return ""


def url_of_call(config: Mapping[str, Any], ending: str, model: str) -> str:
    """The URL of one call: the base URL's path, the ending, then its query.

    Azure's address without a deployment, but with an API version, gets the model as its deployment.
    """
    parts = urlsplit(str(config["base_url"]))
    path = parts.path.rstrip("/")
    if service_in(config).slug == AZURE and path in ("", "/openai") and parts.query:
        path = f"/openai/deployments/{model}"
    return urlunsplit((parts.scheme, parts.netloc, path + ending, parts.query, ""))


def has_open_query(config: Mapping[str, Any]) -> bool:
    """Whether the query of the URL has no secret: only the API version."""
    return set(parse_qs(urlsplit(str(config["base_url"])).query)) <= {"api-version"}
