"""The application object for the WSGI server and the ``flask`` command."""

import gc
import sys

from relay import __version__, create_app, create_migrating_app
from relay.cli import (
    help_text,
    init_app,
    is_flask,
    is_main_help,
    needs_ingest,
    needs_migrations,
    needs_no_pages,
    needs_no_settings,
    refuse_start,
    setup_app,
)
from relay.errors import SettingsError
from relay.private_files import restrict_new_files

restrict_new_files()
program, words = sys.argv[0], sys.argv[1:]
if is_main_help(program, words):  # Flask's own text is about Flask
    sys.stdout.write(f"{help_text()}\n")
    sys.exit(0 if words else 2)
if is_flask(program):  # a tenth of the start: none of what is made now becomes garbage
    gc.disable()
try:
    if needs_no_settings(words):
        app = setup_app(create_migrating_app, __version__)
    else:
        from relay.owner import read_settings

        config = read_settings() if is_flask(program) else None
        if needs_no_pages(program, words):  # they cost most of the start
            if needs_migrations(words):
                app = create_migrating_app(config)
            else:
                app = create_app(config, pages=False, ingest=needs_ingest(words))
            init_app(app)
        else:
            app = create_app(config)
except SettingsError as exc:
    raise refuse_start(exc, words) from None
if is_flask(program):
    gc.freeze()
    gc.enable()
