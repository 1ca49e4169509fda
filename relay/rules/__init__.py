"""The rules: delivery lifecycle, destination status, circuit breaker, rate limit, quota forecast.

Pure: the standard library only.  The time and the jitter are arguments.
"""
