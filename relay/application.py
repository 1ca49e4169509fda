"""The assembly of the application: settings, extensions, the endpoint, and the pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config
from relay import __version__, create_migrating_app, models  # noqa: F401
from relay.broker import init_broker
from relay.database import UNCHECKED_S, engine_options, prepare_engine
from relay.extensions import READ_BIND, db
from relay.models.audit_chain import AuditChain
from relay.observability.logging import init_logging, prepare_logger
from relay.observability.metrics import init_metrics
from relay.observability.tracing import init_tracing
from relay.secrets import SecretBox
from relay.secrets.references import AllowList


def build(config: Config | None, pages: bool, ingest: bool) -> Flask:
    """What ``relay.create_app`` promises."""
    config = config or Config.from_env()
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    init_logging()
    init_metrics(config.data_dir)
    init_tracing(config.otel_endpoint)
    app = Flask("relay")
    app.config.from_mapping(flask_settings(config))
    app.extensions["relay_config"] = config
    app.extensions["relay_version"] = __version__
    app.extensions["relay_secrets"] = SecretBox(
        config.encryption_keys,
        AllowList(config.data_dir, config.secret_files_dir, config.secret_env_prefix),
        config.ca_file,
    )
    init_broker(app, config.redis_url)
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            prepare_engine(engine, 0.0 if pages or ingest else UNCHECKED_S)
        app.extensions["relay_audit"] = AuditChain(
            db.engine, lambda: app.extensions["relay_secrets"]
        )
    if config.trusted_proxies:
        n = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    if ingest:
        from relay import ingest as endpoint

        endpoint.init_app(app)
    if pages:
        add_pages(app)
    return app


def add_pages(app: Flask) -> None:
    """The dashboard, the API's pages and the commands, with their extensions."""
    from relay import cli, dashboard, ingest
    from relay.api.connect import blueprint as connect_blueprint
    from relay.api.pages import blueprint
    from relay.api.v1 import blueprint as api_blueprint
    from relay.page_extensions import assets, csrf, login
    from relay.services.users.throttle import SHARED, shared_counters
    from relay.web import assets as files

    prepare_process(app)
    add_migrations(app)
    for extension in (login, csrf, assets):
        extension.init_app(app)
    app.extensions[SHARED] = shared_counters(app.extensions["relay_config"].redis_url)
    csrf.exempt(ingest.blueprint)
    with app.app_context():
        files.register_bundles(assets)
    files.init_app(app)
    dashboard.init_app(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(connect_blueprint)
    app.register_blueprint(api_blueprint)
    app.extensions[cli.FACTORY] = create_migrating_app
    cli.init_app(app)


def add_migrations(app: Flask) -> None:
    """What ``flask db`` needs."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(Path(app.root_path).parent / "migrations"))


def prepare_process(app: Flask) -> None:
    """Load what a process that goes on uses, before it forks or starts threads.  A command may not use it."""
    from relay.destinations import KINDS

    KINDS.load_all()
    prepare_logger()
    app.extensions["relay_broker"].prepare()


def flask_settings(config: Config) -> dict[str, object]:
    """Relay's settings under the names that Flask and its extensions read."""
    https = config.public_url.startswith("https://")
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(config.database_url),
        "SQLALCHEMY_BINDS": binds(config),
        "SESSION_COOKIE_NAME": "__Host-relay" if https else "relay",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
        "MAX_CONTENT_LENGTH": config.max_body_bytes,
        "MAX_FORM_MEMORY_SIZE": config.max_body_bytes,
        "WTF_CSRF_TIME_LIMIT": None,
        "ASSETS_DEBUG": False,
        "ASSETS_AUTO_BUILD": False,
    }


def binds(config: Config) -> dict[str, object]:
    """The engine of the read-only replica, if there is one."""
    url = config.read_database_url
    return {READ_BIND: {"url": url, **engine_options(url)}} if url else {}
