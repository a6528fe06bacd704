"""Numbers, pools, and which visit a call came from."""
