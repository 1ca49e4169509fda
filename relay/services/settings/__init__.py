"""Settings of the whole installation: those that an admin keeps in the database, and those of the environment."""
