"""Delivery: events become deliveries, and a drain per destination sends them."""
