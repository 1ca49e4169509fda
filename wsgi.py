"""The application object for the WSGI server and the ``flask`` command."""

import sys

from relay import create_app
from relay.cli import refuse_start
from relay.errors import SettingsError
from relay.private_files import restrict_new_files

restrict_new_files()
try:
    app = create_app()
except SettingsError as exc:
    raise refuse_start(exc, sys.argv[1:]) from None
