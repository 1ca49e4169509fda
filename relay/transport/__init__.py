"""Outbound HTTP and SMTP: address checks, connections, deadlines and errors.

Every outbound call passes through here.  No Flask, no database, no Redis.
"""
