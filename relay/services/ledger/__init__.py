"""The ledger: what every event came to, by site and UTC day, and the nightly check."""
