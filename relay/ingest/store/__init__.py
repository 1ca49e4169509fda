"""Stores accepted events: one writer thread per process, one commit for all waiting requests."""
