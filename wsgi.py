"""The application object for the WSGI server and the ``flask`` command."""

import sys

from relay import create_app
from relay.cli import init_app, needs_no_pages, needs_no_settings, refuse_start, setup_app
from relay.errors import SettingsError
from relay.private_files import restrict_new_files

restrict_new_files()
words = sys.argv[1:]
try:
    if needs_no_settings(words):
        app = setup_app(create_app)
    elif needs_no_pages(sys.argv[0], words):  # the pages cost half of the start
        app = create_app(pages=False)
        init_app(app)
    else:
        app = create_app()
except SettingsError as exc:
    raise refuse_start(exc, words) from None
