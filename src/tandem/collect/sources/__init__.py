"""Files of others that are asked while visits are taken in."""
