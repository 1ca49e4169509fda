"""events and attempts in partitions on PostgreSQL"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SPAN = 1_000_000  # ids of a partition
TABLES = ("event", "attempt")
LARGE_COLUMNS = {"event": ("payload", "search_text"), "attempt": ("request", "response")}
# A foreign key to a partition's rows would be checked row by row when the partition is dropped.
DROPPED_KEYS = (
    ("delivery", "fk_delivery_event_pk", "event_pk", "event", ""),
    ("email_digest", "fk_email_digest_event_pk_event", "event_pk", "event", "ON DELETE CASCADE"),
    (
        "redacted_event",
        "fk_redacted_event_event_pk_event",
        "event_pk",
        "event",
        "ON DELETE CASCADE",
    ),
    ("attempt", "fk_attempt_delivery_id", "delivery_id", "delivery", ""),
    ("dead_letter", "fk_dead_letter_delivery_id", "delivery_id", "delivery", ""),
)
FUNCTIONS = """
CREATE FUNCTION event_is_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO event_key (source_id, event_id, event_pk) VALUES (NEW.source_id, NEW.event_id, NEW.id)
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN NEW;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION event_is_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM event_key USING gone
    WHERE event_key.source_id = gone.source_id AND event_key.event_id = gone.event_id
    AND event_key.event_pk = gone.id;
  DELETE FROM email_digest USING gone WHERE event_pk = gone.id;
  DELETE FROM redacted_event USING gone WHERE event_pk = gone.id;
  RETURN NULL;
END $$;
CREATE TRIGGER event_is_new BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION event_is_new();
CREATE TRIGGER event_is_deleted AFTER DELETE ON event REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION event_is_deleted();
"""


def rows(statement: str) -> list[sa.Row]:
    return op.get_bind().exec_driver_sql(statement).all()


def scalar(statement: str) -> int:
    return op.get_bind().exec_driver_sql(statement).scalar()


def run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)


def is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _moved(definition: str, old: str, new: str) -> str:
    """The definition of an index or a trigger for another table."""
    moved, found = re.subn(rf" ON (ONLY )?(\S+\.)?{old} ", f" ON {new} ", definition, count=1)
    assert found, definition
    return moved


def upgrade() -> None:
    """No row is copied: the table with the rows becomes the first partition.  SQLite has no partitions."""
    if not is_postgres():
        return
    for table, name, *_ in DROPPED_KEYS:
        run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    left = rows(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' "
        "AND confrelid IN ('event'::regclass, 'attempt'::regclass)"
    )
    assert not left, f"These foreign keys would lead to the first partition only: {left}"
    run("ALTER TABLE event DROP CONSTRAINT uq_event_source_id_event_id")  # event_key has it
    for table in TABLES:
        _partition(table)
    run("CREATE TABLE event_key AS SELECT source_id, event_id, id AS event_pk FROM event")
    run(
        "ALTER TABLE event_key ALTER source_id SET NOT NULL, ALTER event_id SET NOT NULL, "
        "ALTER event_pk SET NOT NULL"
    )
    run("ALTER TABLE event_key ADD CONSTRAINT pk_event_key PRIMARY KEY (event_id, source_id)")
    run(FUNCTIONS)
    run("ANALYZE event_key")


def _partition(table: str) -> None:
    first = f"{table}_p1"
    run(f"ALTER TABLE {table} RENAME TO {first}")
    if rows(
        "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
    ):
        for column in LARGE_COLUMNS[
            table
        ]:  # cheaper than the default; for new rows of more than 2 KB
            run(f"ALTER TABLE {first} ALTER {column} SET COMPRESSION lz4")
    indexes = rows(
        "SELECT c.relname, pg_get_indexdef(c.oid), i.indisunique FROM pg_index i "
        f"JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = '{first}'::regclass"
    )
    keys = rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype = 'f' AND conrelid = '{first}'::regclass"
    )
    triggers = rows(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger "
        f"WHERE NOT tgisinternal AND tgrelid = '{first}'::regclass"
    )
    for name, _, _ in indexes:
        run(f"ALTER INDEX {name} RENAME TO {name[:60]}_p1")
    for name, _ in triggers:
        run(f"DROP TRIGGER {name} ON {first}")
    run(
        f"CREATE TABLE {table} (LIKE {first} INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id)"
    )
    run(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    for _, definition, is_unique in indexes:
        if not is_unique:  # a unique index of all partitions would need the id
            run(_moved(definition, first, table))
    for name, definition in keys:
        run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in triggers:
        run(_moved(definition, first, table))
    run(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id")
    last = scalar(f"SELECT greatest(max(id), (SELECT last_value FROM {table}_id_seq)) FROM {first}")
    bound = (last // SPAN + 1) * SPAN
    for name in (f"{table}_p2", f"{table}_kept"):
        run(f"CREATE TABLE {name} (LIKE {first} INCLUDING ALL)")
    run(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({bound})")
    run(
        f"ALTER TABLE {table} ATTACH PARTITION {table}_p2 FOR VALUES FROM ({bound}) TO ({bound + SPAN})"
    )
    run(f"ALTER TABLE {table} ATTACH PARTITION {table}_kept DEFAULT")


def downgrade() -> None:
    """The rows are copied into one table: this needs as much free disk space as they use."""
    if not is_postgres():
        return
    run("DROP TRIGGER event_is_deleted ON event")
    run("DROP TRIGGER event_is_new ON event")
    run("DROP FUNCTION event_is_deleted()")
    run("DROP FUNCTION event_is_new()")
    run("DROP TABLE event_key")
    for table in TABLES:
        _join(table)
    run("ALTER TABLE event ADD CONSTRAINT uq_event_source_id_event_id UNIQUE (source_id, event_id)")
    run("ALTER TABLE attempt ADD CONSTRAINT uq_attempt_key UNIQUE (key)")
    for table, name, column, target, more in DROPPED_KEYS:
        # Rows that the retention had not deleted with their event yet.
        run(
            f"DELETE FROM {table} WHERE NOT EXISTS "
            f"(SELECT FROM {target} WHERE {target}.id = {table}.{column})"
        )
        run(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) "
            f"REFERENCES {target} (id) {more}"
        )


def _join(table: str) -> None:
    whole = f"{table}_parts"
    run(f"ALTER TABLE {table} RENAME TO {whole}")
    indexes = rows(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        f"WHERE i.indrelid = '{whole}'::regclass AND NOT i.indisprimary"
    )
    keys = rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype = 'f' AND conrelid = '{whole}'::regclass"
    )
    triggers = rows(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger "
        f"WHERE NOT tgisinternal AND tgrelid = '{whole}'::regclass"
    )
    run(f"CREATE TABLE {table} (LIKE {whole} INCLUDING ALL EXCLUDING INDEXES)")
    run(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id")
    run(f"INSERT INTO {table} SELECT * FROM {whole}")
    run(f"DROP TABLE {whole}")
    run(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    for _, definition in indexes:
        run(_moved(definition, whole, table))
    for name, definition in keys:
        run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for (definition,) in triggers:
        run(_moved(definition, whole, table))
