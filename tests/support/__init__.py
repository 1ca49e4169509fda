"""What tests run against: databases, a broker, a running Relay, endpoints, a browser."""
