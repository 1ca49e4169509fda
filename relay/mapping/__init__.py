"""Conditions and mappings: which events match, and the values they are turned into.  Pure."""
