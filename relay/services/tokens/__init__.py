"""API tokens: create, list, revoke and check them."""
