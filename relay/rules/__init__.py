"""The rules: delivery lifecycle, circuit breaker, rate limit and quota forecast.

Pure: the standard library only.  The time and the jitter are arguments.
"""
