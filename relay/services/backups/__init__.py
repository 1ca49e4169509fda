"""Scheduled backups: encrypted, in a folder or in S3, kept by day and week, and tested by a restore."""
