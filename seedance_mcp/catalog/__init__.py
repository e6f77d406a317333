"""What can be asked for, and what it costs: rows, and the pure functions that read them."""
