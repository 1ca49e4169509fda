"""Use cases: what a click, a command or a periodic job does, in one transaction, with an audit
entry.
"""
