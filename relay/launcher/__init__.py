"""``make run``: Relay whole on one machine, with nothing to set up first.

``valkey``: the embedded broker.  ``processes``: the lines of the Procfile, started and watched.
``demonstration``: the first event of an empty database, shown step by step.
"""
