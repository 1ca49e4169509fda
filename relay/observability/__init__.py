"""Logs, metrics, traces and health: what tells a person how Relay is."""
