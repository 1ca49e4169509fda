"""Subscriptions: settings, and which events they match."""
