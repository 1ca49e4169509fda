"""The application: the WSGI server and ``flask`` find it here."""

from relay import create_app

app = create_app()
