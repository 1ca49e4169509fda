"""The ledger: the outcome of every event, by site and UTC day, and the nightly check."""
