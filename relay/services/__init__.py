"""What a click, a command or a periodic job means: each in one transaction, audited."""
