"""The AI step of a subscription: its settings, the budget it may use, and the call itself."""
