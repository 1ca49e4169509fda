"""The application object for the WSGI server and the ``flask`` command."""

import sys

from relay import create_app
from relay.cli import refuse_start
from relay.errors import SettingsError

try:
    app = create_app()
except SettingsError as exc:
    raise refuse_start(exc, sys.argv[1:]) from None
