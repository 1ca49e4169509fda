"""Destinations: settings, throttling, status, quotas and the account behind them."""
