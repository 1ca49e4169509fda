"""Replays: select, preview, start, and follow the progress."""
