"""What one currency is worth in another, day by day."""
