"""one hand-over per signing key, and sealed queries of URLs

The query of a URL often holds a token.  Its whole URL becomes one of the sealed secrets, and the open
settings keep it with masked values.  `flask db upgrade` has the encryption keys, so this happens here,
once, before a process of the new version runs.  A row with secrets that these keys cannot open keeps
its URL: it cannot be used in any case, and saving it again seals the query.
"""

import json

import sqlalchemy as sa
from alembic import op
from flask import current_app

from relay.errors import SecretUnreadable
from relay.models.base import BigId, Json, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

URL_FIELDS = ("url", "token_url", "base_url", "forms_url", "api_url", "server")
VERSION = sa.table("destination_version", sa.column("id", BigId), sa.column("config", Json))
SEALED = [
    sa.table(
        name,
        sa.column("id", BigId),
        sa.column("config", Json),
        sa.column("sealed_secrets", sa.Text),
    )
    for name in ("destination", "alert_channel")
]


def masked(url: str) -> str:
    """A URL with its query's values as ``••••`` and the last four characters of a long one."""
    address, _, query = url.partition("?")
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        hidden = value if equals else name
        dots = "••••" + (hidden[-4:] if len(hidden) >= 12 else "")
        parts.append(f"{name}={dots}" if equals else dots)
    return f"{address}?{'&'.join(parts)}"


def with_queries(config: dict[str, object]) -> dict[str, str]:
    """The URLs of the settings that have a query, by field."""
    found = {name: config.get(name) for name in URL_FIELDS}
    return {
        name: url
        for name, url in found.items()
        if isinstance(url, str) and url.startswith("http") and url.partition("?")[2]
    }


def upgrade() -> None:
    op.add_column("signing_key", sa.Column("handed_over_at", UtcDateTime(), nullable=True))
    op.add_column(
        "signing_key",
        sa.Column("handed_over_to", sa.String(length=45), server_default="", nullable=False),
    )
    connection, box = op.get_bind(), current_app.extensions["relay_secrets"]
    for table in SEALED:
        for row in connection.execute(sa.select(table)).all():
            urls = with_queries(row.config)
            if not urls:
                continue
            try:
                kept = json.loads(box.open_sealed(row.sealed_secrets)) if row.sealed_secrets else {}
            except SecretUnreadable:
                continue
            connection.execute(
                sa.update(table)
                .where(table.c.id == row.id)
                .values(
                    config=row.config | {name: masked(url) for name, url in urls.items()},
                    sealed_secrets=box.seal(json.dumps(kept | urls)),
                )
            )
    for row in connection.execute(sa.select(VERSION)).all():
        if urls := with_queries(row.config):
            config = row.config | {name: masked(url) for name, url in urls.items()}
            connection.execute(
                sa.update(VERSION).where(VERSION.c.id == row.id).values(config=config)
            )


def downgrade() -> None:
    connection, box = op.get_bind(), current_app.extensions["relay_secrets"]
    for table in SEALED:
        for row in connection.execute(sa.select(table)).all():
            if not any("••••" in url for url in with_queries(row.config).values()):
                continue
            try:
                kept = json.loads(box.open_sealed(row.sealed_secrets)) if row.sealed_secrets else {}
            except SecretUnreadable:
                continue
            urls = {name: kept.pop(name) for name in URL_FIELDS if name in kept}
            connection.execute(
                sa.update(table)
                .where(table.c.id == row.id)
                .values(
                    config=row.config | urls,
                    sealed_secrets=box.seal(json.dumps(kept)) if kept else "",
                )
            )
    op.drop_column("signing_key", "handed_over_to")
    op.drop_column("signing_key", "handed_over_at")
