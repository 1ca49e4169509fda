"""AI steps: settings, validation and spending."""
