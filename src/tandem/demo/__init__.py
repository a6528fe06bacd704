"""A believable company to look at: invented history with planted truths, and a small shop to walk through."""
