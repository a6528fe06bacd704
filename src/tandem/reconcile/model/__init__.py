"""What outside systems say, by which rules they count, and how a difference is taken apart."""
