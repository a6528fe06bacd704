"""Who gets the credit: paths, models, return on spend."""
