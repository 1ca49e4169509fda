"""A site's requests about its signing keys."""
