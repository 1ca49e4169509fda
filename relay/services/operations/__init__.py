"""Operating Relay: doctor, backup, encryption keys, retention and erasure."""
