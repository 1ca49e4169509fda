"""How far a page counts."""

COUNTED = 10_000  # a page shows "10,000+" for more: to count on would read all rows for one number
