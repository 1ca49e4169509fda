"""Errors of real databases become one sentence; only those of a row's content count as its content's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from config import database_url as sqlalchemy_url
from relay import database_errors
from relay.database_errors import explain, is_caused_by_content
from tests.support.network import free_port
from tests.support.postgres import PostgresServer


def error_of(url: str, statement: str, **values: object) -> SQLAlchemyError:
    """The error of a statement on the database."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection, pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text(statement), values)
        return caught.value
    finally:
        engine.dispose()


def connecting(url: str) -> SQLAlchemyError:
    """The error of connecting to the database."""
    engine = create_engine(url)
    with pytest.raises(SQLAlchemyError) as caught:
        engine.connect()
    return caught.value


POSTGRES_ERRORS = [
    ("SELECT missing FROM source", database_errors.OLD_TABLES, False),
    ("SELECT 1 FROM missing", database_errors.OLD_TABLES, False),
    ("SET TRANSACTION READ ONLY; DELETE FROM source", database_errors.READ_ONLY, False),
    ("SET LOCAL statement_timeout = 10; SELECT pg_sleep(9)", database_errors.CANCELLED, False),
    ("SELECT 1/0", "(DivisionByZero)", True),
    ("SELECT 'a'::int", "(InvalidTextRepresentation)", True),
    ("SELECT 10::smallint * 10000::smallint", "(NumericValueOutOfRange)", True),
    ("SELECT convert_to('\u20ac', 'LATIN1')", database_errors.WRONG_ENCODING, False),
    ("SELECT 1 FROM missing WHERE", "(SyntaxError)", False),
    ("EXECUTE lost", "(InvalidSqlStatementName)", False),
]


@pytest.mark.parametrize(("statement", "sentence", "by_content"), POSTGRES_ERRORS)
def test_an_error_of_postgresql_is_explained(
    postgres_url: str, tmp_path: Path, statement: str, sentence: str, by_content: bool
) -> None:
    error = error_of(sqlalchemy_url(postgres_url, tmp_path), statement)
    assert sentence in explain(error)
    assert is_caused_by_content(error) is by_content


def test_nul_is_the_contents_fault(postgres_url: str, tmp_path: Path) -> None:
    url = sqlalchemy_url(postgres_url, tmp_path)
    assert is_caused_by_content(error_of(url, "SELECT :value", value="\0"))
    assert is_caused_by_content(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"))
    assert is_caused_by_content(OverflowError("Python int too large to convert to SQLite INTEGER"))
    assert not is_caused_by_content(TypeError("a bug"))


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("SELECT missing FROM source", database_errors.OLD_TABLES),
        ("INSERT INTO source (missing) VALUES (1)", database_errors.OLD_TABLES),
        ("SELECT 1 FROM missing", database_errors.OLD_TABLES),
        ("INSERT INTO revision (subject) VALUES (NULL)", "(IntegrityError)"),
        ("SELECT", "(OperationalError)"),
    ],
)
def test_an_error_of_sqlite_is_explained(sqlite_url: str, statement: str, sentence: str) -> None:
    error = error_of(sqlite_url, statement)
    assert sentence in explain(error)
    assert not is_caused_by_content(error)


def test_an_unreachable_or_unknown_database_is_explained(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    away = f"postgresql+psycopg://relay@127.0.0.1:{free_port()}/x"
    assert explain(connecting(away)) == database_errors.NO_RESPONSE
    unknown = sqlalchemy_url(postgres_server.url("unknown"), tmp_path)
    assert explain(connecting(unknown)) == database_errors.NO_DATABASE
    stranger = unknown.replace("relay@", "somebody@").replace("/unknown", "/postgres")
    assert explain(connecting(stranger)) == database_errors.WRONG_LOGIN


def test_a_sqlite_file_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    assert explain(connecting(f"sqlite:///{tmp_path}/none/relay.db")) == database_errors.NO_FILE


def test_no_sentence_has_a_value_of_the_statement(postgres_url: str, tmp_path: Path) -> None:
    url = sqlalchemy_url(postgres_url, tmp_path)
    error = error_of(url, "SELECT CAST(:value AS int)", value="hidden-value")
    assert "hidden-value" in str(error)
    assert "hidden-value" not in explain(error)
