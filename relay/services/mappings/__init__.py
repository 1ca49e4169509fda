"""Mappings: saved versions, and a preview on real events."""
