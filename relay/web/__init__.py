"""The web server process: server, client channels and browser assets."""
