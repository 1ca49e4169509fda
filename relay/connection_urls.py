"""Reads ``DATABASE_URL``, ``REDIS_URL`` and ``RELAY_MAIL_URL`` as people write them, and says in one line what is wrong.

A password may contain ``# / ? : @`` as they are.  Several PostgreSQL hosts are allowed, as in libpq.
No message contains a part of the URL that could be the password.

Sources: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING,
https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#specifying-multiple-fallback-hosts,
https://redis.readthedocs.io/en/stable/connections.html#redis.Redis.from_url
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from relay.errors import SettingsError

# The password is as short as the rest allows: it may contain any character.
PARTS = re.compile(
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>.*?))?@)?(?P<hosts>[^@/?#]*)"
    r"(?:/(?P<path>[^@?#]*))?(?:\?(?P<query>(?:[A-Za-z_][\w.-]*=[^&#]*(?:&|\Z))*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s]*)(?::(?P<port>.*))?", re.DOTALL)
# the user of a mail server is often an e-mail address
MAIL = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^:]*?)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?/?(?:\?(?P<query>[\w=&]*))?",
    re.DOTALL,
)
POSTGRES = re.compile(r"(?:postgres|postgresql)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
REDIS_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
ENCODE = "If the password contains one of / ? # @ : write it percent-encoded, for example %23 instead of #."
# parameters of other tools, and what to write for libpq; an empty text means: not needed
OTHER_TOOLS = {
    "pgbouncer": "",
    "prepared_statements": "",
    "prepareThreshold": "",
    "statement_cache_size": "",
    "prepared_statement_cache_size": "",
    "schema": "set the schema for the user instead: ALTER ROLE … SET search_path = …",
    "currentSchema": "set the schema for the user instead: ALTER ROLE … SET search_path = …",
    "search_path": "set the schema for the user instead: ALTER ROLE … SET search_path = …",
    "ssl": "write sslmode=require",
    "sslaccept": "write sslmode=require or sslmode=verify-full",
    "sslcert_path": "write sslcert=…",
    "connection_limit": "remove it: Relay sets the size of its pools",
    "pool_timeout": "remove it: Relay sets the limits of its pools",
    "pool_size": "remove it: Relay sets the size of its pools",
    "max_overflow": "remove it: Relay sets the size of its pools",
    "timezone": "remove it: Relay does not depend on the time zone of the server",
}
VALUES = {
    "port": r"[0-9]{1,5}(,[0-9]{0,5})*",
    "connect_timeout": r"[0-9]{1,6}",
    "sslmode": r"disable|allow|prefer|require|verify-ca|verify-full",
    "target_session_attrs": r"any|read-write|read-only|primary|standby|prefer-standby",
}
SQLITE_PARAMETERS = frozenset(
    ("timeout", "isolation_level", "check_same_thread", "cached_statements")
)

REDIS_PARAMETERS = frozenset(
    """db username password client_name protocol socket_timeout socket_connect_timeout
    socket_keepalive retry_on_timeout max_connections health_check_interval ssl_cert_reqs ssl_ca_certs
    ssl_ca_path ssl_ca_data ssl_certfile ssl_keyfile ssl_password ssl_check_hostname
    ssl_min_version ssl_ciphers""".split()
)


@dataclass(frozen=True)
class UrlParts:
    """A URL's parts, decoded.  A host is (name, port); the port is "" where none is given."""

    user: str | None
    password: str | None
    hosts: tuple[tuple[str, str], ...]
    path: str
    query: tuple[tuple[str, str], ...]


def split(name: str, rest: str) -> UrlParts:
    """``rest`` is what comes after ``://``.  Raises SettingsError, which begins with ``name``."""
    found = PARTS.fullmatch(rest)
    if found is None:
        raise SettingsError(f"{name} cannot be read as a URL. {ENCODE}")
    hosts = []
    for part in found["hosts"].split(","):
        host = HOST.fullmatch(part)
        port = host["port"] if host else None
        if host is None or (
            port and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536)
        ):
            raise SettingsError(
                f"{name} has a wrong port: after the host and a colon comes a number from 1 to 65535. "
                f"{ENCODE}"
            )
        hosts.append((unquote(host["name"].strip("[]")), port or ""))
    if len(hosts) > 1 and not all(host for host, _ in hosts):
        raise SettingsError(f"{name} has a comma without a host after it.")
    return UrlParts(
        unquote(found["user"]) if found["user"] is not None else None,
        unquote(found["password"]) if found["password"] is not None else None,
        tuple(hosts),
        unquote(found["path"] or ""),
        tuple(parse_qsl(found["query"] or "", keep_blank_values=True)),
    )


def read_database_url(text: str, name: str = "DATABASE_URL") -> str:
    """The URL for SQLAlchemy.  Raises SettingsError, which begins with ``name``."""
    if found := POSTGRES.match(text):
        return _postgres_url(split(name, text[found.end() :]), name)
    if text.startswith("sqlite:///"):
        return _sqlite_url(text, name)
    raise SettingsError(f"{name} must start with postgresql:// or sqlite:///.")


def _postgres_url(parts: UrlParts, name: str) -> str:
    query = dict(check_parameters(parts.query, name))
    names = [host for host, _ in parts.hosts]
    is_simple = len(parts.hosts) == 1 and not names[0].startswith(("/", "@"))
    if not is_simple:  # several hosts, or a socket's folder: as a parameter of libpq
        query["host"] = ",".join(names)
        if any(port for _, port in parts.hosts):
            query["port"] = ",".join(port or "5432" for _, port in parts.hosts)
        if len(parts.hosts) > 1:
            query.setdefault("target_session_attrs", "read-write")  # never a standby
    port = parts.hosts[0][1] if is_simple else ""
    return URL.create(
        "postgresql+psycopg",
        username=parts.user,
        password=parts.password,
        host=(names[0] or None) if is_simple else None,
        port=int(port) if port else None,
        database=parts.path or None,
        query=query,
    ).render_as_string(hide_password=False)


def check_parameters(query: tuple[tuple[str, str], ...], name: str) -> list[tuple[str, str]]:
    """The parameters that libpq knows.  Raises SettingsError for one that nobody can use."""
    if not query:
        return []
    from psycopg import pq  # here: SQLite needs none of it

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    kept = []
    for key, value in query:
        if key in known:
            if key in VALUES and not re.fullmatch(VALUES[key], value):
                raise SettingsError(f"{name} has a value of {key} that PostgreSQL does not know.")
            kept.append((key, value))
        elif advice := OTHER_TOOLS.get(key, "see the list of parameter key words of libpq"):
            raise SettingsError(
                f"{name} has the parameter {key}, which PostgreSQL does not know: {advice}."
            )
    return kept


def _sqlite_url(text: str, name: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError as exc:
        raise SettingsError(f"{name} cannot be read as a URL.") from exc
    path = url.database or ""
    if "uri" in url.query:  # then SQLite itself reads the parameters
        return text
    if unknown := sorted(set(url.query) - SQLITE_PARAMETERS):
        raise SettingsError(f"{name} has the parameter {unknown[0]}, which SQLite does not know.")
    if not path:
        raise SettingsError(f"{name} has no file: write its path after sqlite:///.")
    if path != ":memory:" and not Path(path).absolute().parent.is_dir():
        raise SettingsError(
            f"{name} names a file in a folder that does not exist. Create the folder."
        )
    return text


def read_redis_url(text: str, name: str = "REDIS_URL") -> str:
    """The URL for redis-py.  Raises SettingsError, which begins with ``name``."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in {*REDIS_SCHEMES, "unix"}:
        raise SettingsError(f"{name} must start with redis://, rediss:// or unix://.")
    parts = split(name, rest)
    if len(parts.hosts) > 1:
        raise SettingsError(
            f"{name} names several servers, and Relay uses one. Write the address of the primary, or of "
            "a proxy in front of them. Sentinel and cluster addresses are not supported."
        )
    if scheme != "unix" and not re.fullmatch("[0-9]{0,6}", parts.path.strip("/")):
        raise SettingsError(f"{name} must end with the number of a database, such as /0.")
    url = _redis_url("unix" if scheme == "unix" else REDIS_SCHEMES[scheme], parts)
    if scheme == "unix" and not parts.path.strip("/"):
        raise SettingsError(f"{name} has no path of a socket: write unix:///run/valkey.sock.")
    if parts.query:
        _check_redis_parameters(parts.query, url, name)
    return url


def _redis_url(scheme: str, parts: UrlParts) -> str:
    ((host, port),) = parts.hosts
    login = ""
    if parts.user is not None:
        login = quote(parts.user, safe="")
        login += f":{quote(parts.password, safe='')}" if parts.password is not None else ""
        login += "@"
    host = f"[{host}]" if ":" in host else quote(host, safe="")
    path = f"/{quote(parts.path)}" if parts.path or scheme == "unix" else ""
    query = f"?{urlencode(parts.query)}" if parts.query else ""
    return f"{scheme}://{login}{host}{f':{port}' if port else ''}{path}{query}"


def _check_redis_parameters(query: tuple[tuple[str, str], ...], url: str, name: str) -> None:
    from relay.lean_redis import parse_url  # here: most URLs have no parameter

    try:
        parameters = parse_url(url)
    except ValueError as exc:
        raise SettingsError(f"{name} has a parameter with a wrong value.") from exc
    for key, _ in query:
        if key not in REDIS_PARAMETERS:
            raise SettingsError(f"{name} has the parameter {key}, which Relay does not know.")
    if str(parameters.get("protocol", "2")) not in ("2", "3"):
        raise SettingsError(f"{name} has a protocol other than 2 or 3.")


@dataclass(frozen=True)
class MailAccount:
    """The mail server for Relay's own mails.

    ``security`` is ``starttls``, ``tls`` or ``none``; with an empty ``user``, no login is sent.
    ``sender`` is an address, as ``relay@example.com`` or ``Relay <relay@example.com>``.
    """

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str


def read_mail_url(
    text: str, sender: str, name: str = "RELAY_MAIL_URL", sender_name: str = "RELAY_MAIL_FROM"
) -> MailAccount:
    """Raises SettingsError, which begins with the name of the setting."""
    found = MAIL.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"{name} must be a URL such as smtp://user:password@mail.example.com:587, or smtps://… "
            f"for TLS from the start. {ENCODE}"
        )
    query = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    is_plain = query.pop("encryption", "") == "none"
    port = int(found["port"] or (465 if found["scheme"] == "smtps" else 587))
    if query or (found["query"] and not is_plain) or (is_plain and found["scheme"] == "smtps"):
        raise SettingsError(f"{name} has an unknown parameter. Only smtp:// has encryption=none.")
    if not 0 < port < 65536:
        raise SettingsError(f"{name} must have a port from 1 to 65535.")
    address = parseaddr(sender)[1]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or not sender.isprintable():
        raise SettingsError(
            f"{sender_name} must be an address such as Relay <relay@example.com> when {name} is set."
        )
    security = "none" if is_plain else "tls" if found["scheme"] == "smtps" else "starttls"
    return MailAccount(
        found["host"].strip("[]"),
        port,
        security,
        unquote(found["user"] or ""),
        unquote(found["password"] or ""),
        sender,
    )
