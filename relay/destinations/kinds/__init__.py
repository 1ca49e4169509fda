"""One module a kind, each with ``KIND``."""
