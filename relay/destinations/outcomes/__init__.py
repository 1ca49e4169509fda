"""What a destination's reply means for a delivery: by HTTP status, by known errors, and what to do about it."""
