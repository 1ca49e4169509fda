"""One module per kind of destination.  Each defines ``KIND``."""
