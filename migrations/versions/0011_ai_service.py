"""which AI service a destination uses, from its URL"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

from relay.models.base import Json

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "generativelanguage.googleapis.com": "gemini",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
}
DESTINATION = sa.table(
    "destination",
    sa.column("id", sa.Integer),
    sa.column("kind", sa.String),
    sa.column("config", Json),
)


def service_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "other"
    for domain, service in HOSTS.items():
        if host == domain or host.endswith(f".{domain}"):
            return service
    return "ollama" if port == 11434 else "other"


def change(rewrite: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.select(DESTINATION).where(DESTINATION.c.kind == "openai")).all()
    for row in rows:
        changed = sa.update(DESTINATION).where(DESTINATION.c.id == row.id)
        connection.execute(changed.values(config=rewrite(row.config)))


def upgrade() -> None:
    change(lambda config: {"service": service_of(str(config.get("base_url", ""))), **config})


def downgrade() -> None:
    change(lambda config: {name: value for name, value in config.items() if name != "service"})
