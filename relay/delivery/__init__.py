"""The way out: events become deliveries, deliveries become calls, calls become results."""
