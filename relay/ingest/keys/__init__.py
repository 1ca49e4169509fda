"""A site's key requests: the status of its signing key, and the newer key."""
