"""Users: accounts, sessions and passwords."""
