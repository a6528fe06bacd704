"""Failed checks of every area: seen, explained, ignored for a while, fixed, come back."""
