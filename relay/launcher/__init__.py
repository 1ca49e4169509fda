"""``make run``: all of Relay on one machine, without any setup.

``valkey``: the embedded broker.  ``processes``: starts and restarts the processes of the Procfile.
``demo``: sends a first event when the database is empty, and shows its steps.
"""
