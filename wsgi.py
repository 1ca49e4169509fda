"""The application: the WSGI server and ``flask`` find it here."""

import sys

from relay import create_app
from relay.cli import refuse_start
from relay.errors import SettingsError

try:
    app = create_app()
except SettingsError as exc:
    raise refuse_start(exc, sys.argv[1:]) from None
