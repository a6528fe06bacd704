"""What every figure means, and how to ask for it."""
