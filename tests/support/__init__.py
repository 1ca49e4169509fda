"""The real things that tests run against: databases, a broker, a whole Relay, an endpoint, a browser."""
