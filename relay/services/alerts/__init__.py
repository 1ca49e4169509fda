"""Alerts: rules that are evaluated, alerts that they open, and the channels that report them."""
