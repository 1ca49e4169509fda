"""The application object for the WSGI server and the ``flask`` command."""

import sys

from relay import create_app
from relay.cli import needs_no_settings, refuse_start, setup_app
from relay.errors import SettingsError
from relay.private_files import restrict_new_files

restrict_new_files()
try:
    app = setup_app(create_app) if needs_no_settings(sys.argv[1:]) else create_app()
except SettingsError as exc:
    raise refuse_start(exc, sys.argv[1:]) from None
